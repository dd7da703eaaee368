import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { heartbeatPath } from "./runFiles.ts";

/** How often the owner says that it is not stuck. */
export const HEARTBEAT_INTERVAL_MS = 1_000;

/**
 * Rewrites `<state>/run/heartbeat` from a timer, so that an owner whose event loop hangs falls silent. In place and at one
 * length: a full disk cannot stop it. Does not keep the process alive. `onError` is told once, then it beats no more.
 */
export function startHeartbeat(
  stateDir: string,
  onError: (error: unknown) => void,
  intervalMs = HEARTBEAT_INTERVAL_MS,
): Disposable {
  const path = heartbeatPath(stateDir);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fd = openSync(path, "w", 0o600);
  let count = 0;
  const beat = (): void => {
    writeSync(fd, `${process.pid} ${String(++count).padStart(12, "0")}\n`, 0);
  };
  beat();
  const timer = setInterval(() => {
    try {
      beat();
    } catch (thrown) {
      clearInterval(timer);
      onError(thrown);
    }
  }, intervalMs);
  timer.unref();
  let isOver = false;
  return {
    [Symbol.dispose]: () => {
      if (isOver) return;
      isOver = true;
      clearInterval(timer);
      closeSync(fd);
    },
  };
}

/**
 * Milliseconds since the beat last changed, by the reader's own clock: a jump of the wall time is no missed beat. One that
 * cannot be read has not changed.
 */
export function heartbeatAge(stateDir: string): () => number {
  let last = "";
  let changedAtMs = performance.now();
  return () => {
    const now = readOr(heartbeatPath(stateDir), last);
    if (now !== last) {
      last = now;
      changedAtMs = performance.now();
    }
    return performance.now() - changedAtMs;
  };
}

/** When the last owner beat last, as the disk has it; undefined when none ever did. */
export function lastBeat(stateDir: string): Date | undefined {
  try {
    return statSync(heartbeatPath(stateDir)).mtime;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    return otherwise;
  }
}
