import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { constants, setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "../../../src/stop/processes.ts";
import type { ProcessId } from "../../../src/stop/stop.ts";

/**
 * Sees from the outside what a kill does, in a process of its own, so that CONTROL's busy moments are not taken for the
 * kill's: a host whose answers never end, and a look at processes every millisecond or two. Its times are milliseconds of
 * the machine's monotonic clock, which all processes share.
 */
export type ToWitness = { kind: "connections"; atLeast: number } | { kind: "watch"; groups: ProcessId[][] };
export type FromWitness =
  | { kind: "port"; port: number }
  | { kind: "connected" }
  | { kind: "watching" }
  /** When each connection was seen to close, and when the last process of each group to be gone. */
  | { kind: "seen"; closedMs: number[]; deadMs: number[] };

// One who waits for the processor sees late, and would report that for a late kill.
if (process.getuid?.() === 0) setPriority(constants.priority.PRIORITY_HIGHEST);

process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));

const open = new Set<object>();
let closedMs: number[] = [];
const server = createServer((_request, response) => {
  open.add(response);
  response.write("never to end\n");
  response.once("close", () => {
    open.delete(response);
    closedMs.push(nowMs());
  });
});
server.listen(0, "127.0.0.1", () => tell({ kind: "port", port: (server.address() as AddressInfo).port }));

process.on("message", (message: ToWitness) => {
  if (message.kind === "connections") void connections(message.atLeast);
  else void watch(message.groups);
});

async function connections(atLeast: number): Promise<void> {
  while (open.size < atLeast) await sleep(5);
  tell({ kind: "connected" });
}

async function watch(groups: ProcessId[][]): Promise<void> {
  closedMs = [];
  tell({ kind: "watching" });
  const deadMs: (number | undefined)[] = groups.map(() => undefined);
  while (open.size > 0 || deadMs.includes(undefined)) {
    groups.forEach((group, i) => {
      if (deadMs[i] === undefined && !group.some(isAlive)) deadMs[i] = nowMs();
    });
    await sleep(1);
  }
  tell({ kind: "seen", closedMs, deadMs: deadMs.filter((ms) => ms !== undefined) });
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function tell(message: FromWitness): void {
  process.send?.(message);
}
