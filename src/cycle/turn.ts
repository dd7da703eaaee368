import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { unlinkIfThere, writeAll } from "../base/files.ts";
import { isAlive, processId } from "../stop/processes.ts";
import type { ProcessId } from "../stop/stop.ts";

/**
 * One cycle of a stack at a time: a lock file in the state directory that names its holder by pid and start time. A
 * lock whose holder is dead is taken over, because a crash must not need a person to tidy up.
 */
export function takeLock(stateDir: string): Disposable {
  const path = lockPath(stateDir);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  for (let attempt = 0; attempt < 3; attempt++) {
    if (tryLock(path)) return { [Symbol.dispose]: () => unlinkIfThere(path) };
    const holder = holderOf(path);
    if (holder !== undefined && isAlive(holder)) {
      throw new OperatorError(
        `a cycle of this stack is running already (pid ${holder.pid})`,
        "wait for it, or stop it with weakdoor kill --reason TEXT",
      );
    }
    unlinkIfThere(path);
  }
  throw new OperatorError("another process takes the lock at the same moment", "try again");
}

/** The process whose cycle has this state directory now; undefined when none does. */
export function ownerOf(stateDir: string): ProcessId | undefined {
  const holder = holderOf(lockPath(stateDir));
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

const lockPath = (stateDir: string): string => join(stateDir, "run", "lock");

function tryLock(path: string): boolean {
  const self = processId(process.pid);
  if (self === undefined) throw new OperatorError("/proc does not show this process", "mount /proc");
  try {
    const fd = openSync(path, "wx", 0o600);
    try {
      writeAll(fd, Buffer.from(JSON.stringify(self)));
      fsyncSync(fd);
    } catch (thrown) {
      unlinkIfThere(path);
      throw thrown;
    } finally {
      closeSync(fd);
    }
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === "EEXIST") return false;
    throw thrown;
  }
}

/** undefined when the file is gone or half-written, which only a holder that died between open and write leaves. */
function holderOf(path: string): ProcessId | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof value !== "object" || value === null) return undefined;
    const { pid, startTime } = value as { pid?: unknown; startTime?: unknown };
    return typeof pid === "number" && typeof startTime === "string" ? { pid, startTime } : undefined;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT" || thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
