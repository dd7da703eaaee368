import { closeSync, fstatSync, readdirSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";

/**
 * Ends this process as SIGKILL does, with its sockets closed before. The kernel would do that last, when it has taken back
 * all memory: 20 ms of work, and on a busy machine ten times as long, in which bytes still pass.
 * @param lastWord done when nothing passes any more, and before the end.
 */
export function endAtOnce(lastWord?: () => void): void {
  try {
    closeSockets();
    lastWord?.();
  } finally {
    process.kill(process.pid, "SIGKILL");
  }
}

/** By their descriptors, so that none is forgotten, whoever opened it. Nothing may run in this process afterwards. */
function closeSockets(): void {
  for (const entry of readdirSync("/proc/self/fd")) {
    try {
      if (fstatSync(Number(entry)).isSocket()) closeSync(Number(entry));
    } catch (thrown) {
      // The directory that was just read had a descriptor of its own.
      if (errnoOf(thrown) !== "EBADF") throw thrown;
    }
  }
}
