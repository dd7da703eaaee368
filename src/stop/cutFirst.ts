import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "./processes.ts";
import type { ProcessId } from "./stop.ts";

/**
 * So long the killing waits for egress to be cut. A process that dies gives its memory back before its sockets are closed,
 * 20 ms of work for the gateway's; with ten sandboxes dying beside it, each as big, the kernel does that last (130 ms with
 * docker-runc, 300 with docker-runsc, measured). Alone it is done at once, and what dies after it can send nothing any more.
 */
export const CUT_MS = 100;

const POLL_MS = 1;

/** Kills these, and resolves when they are gone, sockets and all, or the time is up. */
export async function cutFirst(
  gateways: readonly ProcessId[],
  kill: (gateway: ProcessId) => void,
  isThere: (gateway: ProcessId) => boolean = isAlive,
): Promise<void> {
  for (const gateway of gateways) kill(gateway);
  const endsAtMs = performance.now() + CUT_MS;
  while (gateways.some(isThere) && performance.now() < endsAtMs) await sleep(POLL_MS);
}
