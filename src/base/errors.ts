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
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a Node system error (ENOENT, EACCES, ENOSPC…), else undefined. */
export function errnoOf(thrown: unknown): string | undefined {
  if (thrown instanceof Error && "code" in thrown && typeof thrown.code === "string") return thrown.code;
  return undefined;
}
