import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { killProcess, processId } from "../../src/stop/processes.ts";
import { type Ended, start, weakdoor } from "../support/weakdoor.ts";
import { type Bench, type Measured, milliseconds } from "./figure.ts";

/** Where in the demo cycle the switch is thrown: two sandboxes live then, and the gateway. */
const MOMENT = { step: "  target ", afterMs: 100 };

/** Read from the outside, as a person with two terminals would: the start of `weakdoor kill` is in it. */
export const stopping: Bench = {
  name: "stop",
  async run(bed) {
    const state = bed.fresh("state");
    mkdirSync(state, { mode: 0o700 });
    symlinkSync(bed.cache, join(state, "cache"));
    const stops: Stop[] = [];
    for (let i = 0; i < RUNS; i++) stops.push(await stop(state, bed.fresh("reports")));
    const goal = { text: "under 2000 ms", isMet: (value: number) => value < 2_000 };
    const figure = (name: string, of: (one: Stop) => number): Measured => {
      return { name, unit: "ms", values: stops.map(of), baseline: null, goal };
    };
    return [
      figure("kill of a cycle, from the latch to nothing alive", ({ goneMs }) => goneMs),
      figure("kill of a cycle, from the command to exit 40", ({ exitMs }) => exitMs),
    ];
  },
};

const RUNS = 3;

type Stop = { goneMs: number; exitMs: number };

async function stop(state: string, reports: string): Promise<Stop> {
  const running = start(["run", "--demo", "--state", state, "--reports", reports]);
  try {
    await running.says(MOMENT.step);
    await sleep(MOMENT.afterMs);
    const killing = weakdoor("kill", "--reason", "the bench", "--state", state);
    let exit: Ended | undefined;
    const exitMs = await milliseconds(async () => {
      exit = await running.ended;
    });
    const killed = await killing;
    const goneMs = Number(/nothing of ours lives, after (\d+) ms/.exec(killed.out)?.[1]);
    if (killed.code === 0 && exit?.code === 40 && goneMs >= 0) return { goneMs, exitMs };
    throw new Error(`no clean stop: ${killed.out} ${killed.err} ${exit?.err}`);
  } finally {
    const id = running.child.pid === undefined ? undefined : processId(running.child.pid);
    if (id !== undefined) killProcess(id);
    await weakdoor("rearm", "--reason", "the bench goes on", "--state", state);
  }
}
