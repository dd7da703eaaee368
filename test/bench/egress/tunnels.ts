import { once } from "node:events";
import { readFileSync } from "node:fs";
import { raceBed } from "./bed.ts";
import { certificateOf, gatewayIn, giveChannel } from "./ours.ts";
import { type Ended, type Hold, wallMs } from "./wire.ts";

/**
 * `node tunnels.ts`, within a network namespace that `enter.ts` made: what the gateway holds in memory with 500 open tunnels of
 * either kind, and how long after a cut the origin has seen the last of the spliced ones end. One line of JSON.
 */
export type TunnelsHeld = { terminatedMB: number[]; splicedMB: number[]; cutMs: number[] };

const TUNNELS = 500;
/** What one channel carries at once is fewer. */
const SANDBOXES = 3;
const ROUNDS = 3;

await using bed = await raceBed();
const held: TunnelsHeld = { terminatedMB: [], splicedMB: [], cutMs: [] };
for (let round = 0; round < ROUNDS; round++) {
  held.terminatedMB.push((await hold("terminated", `terminated${round}`)).residentMB);
  const spliced = await hold("spliced", `spliced${round}`);
  held.splicedMB.push(spliced.residentMB);
  held.cutMs.push(spliced.cutMs);
}
process.stdout.write(`${JSON.stringify(held)}\n`);

async function hold(mode: Hold["mode"], name: string): Promise<{ residentMB: number; cutMs: number }> {
  const { directory, origin, load } = bed.ground(name);
  const gateway = await gatewayIn(directory, origin.cert);
  const certificate = await certificateOf(gateway);
  for (let i = 0; i < SANDBOXES; i++) await giveChannel(gateway, `wd-bench-${i}`, load);
  await bed.ask({ kind: "hold", mode, tunnels: TUNNELS, certificate });
  const residentMB = residentOf(gateway.pid);
  if (mode === "terminated") {
    await gateway.cut("measured");
    return { residentMB, cutMs: Number.NaN };
  }
  const seen = once(bed.origin, "message") as Promise<[Ended]>;
  const atMs = wallMs();
  await gateway.cut("measured");
  const [{ connections, lastAtMs }] = await seen;
  if (connections !== TUNNELS) throw new Error(`${connections} of ${TUNNELS} tunnels were open`);
  return { residentMB, cutMs: lastAtMs - atMs };
}

function residentOf(pid: number): number {
  return (Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024) / 1e6;
}
