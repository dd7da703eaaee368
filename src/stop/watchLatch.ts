import { type FSWatcher, watch } from "node:fs";
import { errnoOf, Stopped } from "../base/errors.ts";
import { readLatch } from "./latch.ts";
import type { LatchState } from "./stop.ts";

/** How late the latch is seen where the kernel sends no events (NFS, no inotify watches left). */
export const LATCH_POLL_MS = 50;

/**
 * Calls `onSet` once, as soon as the latch is set; also when it already is. Kernel events make it quick, a poll makes it
 * certain. Does not keep the process alive.
 */
export function watchLatch(stateDir: string, onSet: (state: LatchState & { status: "set" }) => void): Disposable {
  let isOver = false;
  const look = (): void => {
    if (isOver) return;
    const state = readLatch(stateDir);
    if (state.status === "clear") return;
    end();
    onSet(state);
  };
  const timer = setInterval(look, LATCH_POLL_MS);
  timer.unref();
  const watcher = watchDirectory(stateDir, look);
  const end = (): void => {
    isOver = true;
    clearInterval(timer);
    watcher?.close();
  };
  queueMicrotask(look);
  return { [Symbol.dispose]: end };
}

/** The latch as an AbortSignal whose reason is Stopped. */
export function latchSignal(stateDir: string): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const watching = watchLatch(stateDir, (state) => controller.abort(new Stopped(`${state.why} (${state.who})`)));
  return { signal: controller.signal, [Symbol.dispose]: () => watching[Symbol.dispose]() };
}

/** Undefined where there is nothing to watch or no watch to be had: the poll then does it alone. */
function watchDirectory(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, { persistent: false }, onChange);
    watcher.on("error", onChange);
    return watcher;
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR", "EACCES", "ENOSPC", "EMFILE", "ENOSYS"].includes(errnoOf(thrown) ?? ""))
      return undefined;
    throw thrown;
  }
}
