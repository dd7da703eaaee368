/**
 * What a person must put right: one clear line and a hint, no stack, exit code 2.
 * Anything else that is thrown is a bug and keeps its stack (exit code 1).
 */
export class OperatorError extends Error {
  readonly hint: string;

  /** @param message lower case, no full stop. @param hint what to do next, same voice. */
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "OperatorError";
    this.hint = hint;
  }
}

/** The kill switch spoke. A normal end of the work, never a failure: exit code 40. */
export class Stopped extends Error {
  readonly reason: string;

  constructor(reason: string, options?: ErrorOptions) {
    super(`stopped: ${reason}`, options);
    this.name = "Stopped";
    this.reason = reason;
  }
}

/** Throws Stopped when the kill switch has spoken. Called before each step and each long wait. */
export function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw asStopped(signal.reason);
}

/** The reason an AbortSignal carries, as Stopped. */
export function asStopped(reason: unknown): Stopped {
  if (reason instanceof Stopped) return reason;
  return new Stopped(messageOf(reason), { cause: reason });
}

/** One line of whatever was thrown, for a log or a coverage row. */
export function messageOf(thrown: unknown): string {
  const first = firstThrown(thrown);
  return first instanceof Error ? first.message : String(first);
}

/** The `code` of a Node system error (ENOENT, EACCES, ENOSPC…), else undefined. */
export function errnoOf(thrown: unknown): string | undefined {
  if (thrown instanceof Error && "code" in thrown && typeof thrown.code === "string") return thrown.code;
  return undefined;
}

/** What the machine itself refuses: no fault of ours, and for a person to put right. */
const REFUSALS: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ENOSPC: ["no space is left on its disk", "free some space and run it again; nothing half-made was left"],
  EDQUOT: ["the quota of its disk is used up", "free some space and run it again; nothing half-made was left"],
  EROFS: ["its file system is read-only", "name a directory that can be written to"],
  EACCES: ["this user may not", "give the user who runs weakdoor the right to it, or name another directory"],
  EPERM: ["this user may not", "give the user who runs weakdoor the right to it, or name another directory"],
  EIO: ["the disk does not read or write it", "look at the disk: dmesg tells more"],
  EMFILE: ["too many files are open", "raise the limit on open files (ulimit -n)"],
  ENFILE: ["the machine has too many files open", "end what holds them"],
  ENOMEM: ["no memory is left", "free some memory and run it again"],
  EAGAIN: ["no more processes can be started", "raise the limit on processes (ulimit -u), or end some"],
};

/** The machine's refusal that lies at the bottom of what was thrown, as a line and a hint; undefined when it is something else. */
export function refusalOf(thrown: unknown): OperatorError | undefined {
  const bottom = firstThrown(thrown);
  if (bottom instanceof OperatorError) return bottom;
  const code = errnoOf(bottom) ?? "";
  const refusal = Object.hasOwn(REFUSALS, code) ? REFUSALS[code] : undefined;
  if (refusal === undefined || !(bottom instanceof Error)) return undefined;
  // A copy names both ends, and it is the far one that has no room.
  const [place = "a file of weakdoor"] = ["dest", "path"].flatMap((end) => {
    const path: unknown = Object.getOwnPropertyDescriptor(bottom, end)?.value;
    return typeof path === "string" ? [path] : [];
  });
  return new OperatorError(`${place}: ${refusal[0]} (${code})`, refusal[1], { cause: thrown });
}

/** What was thrown first, when tidying up after it threw as well: that is the one that explains the other. */
export function firstThrown(thrown: unknown): unknown {
  return allThrown(thrown)[0];
}

/** Everything that was thrown on the way out, in the order in which it was. */
export function allThrown(thrown: unknown): unknown[] {
  if (!(thrown instanceof SuppressedError)) return [thrown];
  return [...allThrown(thrown.suppressed), ...allThrown(thrown.error)];
}
