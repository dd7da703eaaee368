import { errnoOf, OperatorError } from "../../base/errors.ts";

/** What an engine's refusal means, and what a person can do about it. */

export function isNameTaken(thrown: unknown): boolean {
  return statusOf(thrown) === 409 && /name .* already in use/.test(String(thrown));
}

export function isImageMissing(thrown: unknown): boolean {
  return statusOf(thrown) === 404 && /no such image/i.test(String(thrown));
}

/**
 * What the engine refuses, and an engine that breaks off, is for a person to put right; anything else is a bug of ours and
 * comes back as it is.
 */
export function asOperatorError(
  thrown: unknown,
  about: { name: string; runtime: string; isRootless: boolean },
): unknown {
  if (!(thrown instanceof Error) || thrown instanceof OperatorError) return thrown;
  const { name, runtime } = about;
  if (statusOf(thrown) !== undefined) {
    const message = `the engine does not start ${name} with ${runtime}: ${thrown.message.slice(0, 500)}`;
    return new OperatorError(message, hintFor(thrown.message, about), { cause: thrown });
  }
  if (!BROKEN_OFF.has(errnoOf(thrown) ?? "")) return thrown;
  const message = `the engine broke off as it was to start ${name}: ${thrown.message}`;
  return new OperatorError(message, "see the engine's log, and whether it still runs", { cause: thrown });
}

/** Node's words for a connection that another end refused, cut, or filled with what is no HTTP. */
const BROKEN_OFF = new Set(["ECONNRESET", "ECONNREFUSED", "EPIPE", "ENOENT", "EACCES", "HPE_INVALID_CONSTANT"]);

function hintFor(message: string, { runtime, isRootless }: { runtime: string; isRootless: boolean }): string {
  if (/unknown or invalid runtime|runtime .* not (?:found|registered)|Unknown runtime/i.test(message))
    return `register ${runtime} under "runtimes" in the engine's daemon.json and restart it`;
  if (isRootless && /bind source path|permission denied|bind mount/i.test(message))
    return "a rootless engine reads only what its user may: run weakdoor as that user, with its state directory there";
  return "see the engine's log";
}

function statusOf(thrown: unknown): number | undefined {
  return thrown instanceof Error && "statusCode" in thrown && typeof thrown.statusCode === "number"
    ? thrown.statusCode
    : undefined;
}
