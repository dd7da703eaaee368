import { sleep } from "../base/clock.ts";
import { isAlive } from "../stop/processes.ts";
import type { ProcessId } from "../stop/stop.ts";

const POLL_MS = { least: 4, most: 32 };

/**
 * Resolves when these are dead, or the time is up. Asks for each by itself: a look at the whole process table takes from
 * the dying the processor that they need to be gone.
 */
export async function buried(processes: readonly ProcessId[], withinMs: number): Promise<void> {
  const endsAtMs = performance.now() + withinMs;
  for (let pollMs = POLL_MS.least; processes.some(isAlive); pollMs = Math.min(2 * pollMs, POLL_MS.most)) {
    const leftMs = endsAtMs - performance.now();
    if (leftMs <= 0) return;
    await sleep(Math.min(pollMs, leftMs));
  }
}
