import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DriverKind } from "../../src/sandbox/sandbox.ts";
import { findProcesses, isAlive, killProcess } from "../../src/stop/processes.ts";
import type { ProcessId } from "../../src/stop/stop.ts";
import type { Bed } from "./bed.ts";
import { type Bench, milliseconds } from "./figure.ts";
import { processesOf } from "./kill/crowd.ts";
import type { Owned } from "./kill/owner.ts";

/** The orchestrator is killed by SIGKILL in the middle of it all: how long until nothing that it started is alive. */
const KINDS: readonly DriverKind[] = ["docker-runc", "docker-runsc", "bubblewrap", "runsc"];
const RUNS = 5;

export const owners: readonly Bench[] = KINDS.map((kind) => ({
  name: `owner ${kind}`,
  async run(bed) {
    const driver = await bed.driver(kind);
    const values: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      const cycle = `bench${process.pid}o${i}`;
      values.push(await goneMs(kind, cycle, bed));
      // What the dead owner left on disk is for the next start to take away.
      for (const name of await driver.list()) if (name.startsWith(`wd-${cycle}-`)) await driver.destroy(name);
    }
    const goal = { text: "under 1000 ms", isMet: (value: number) => value < 1_000 };
    const name = `owner of 3 ${kind} SIGKILLed, nothing alive`;
    return [{ name, unit: "ms", values, baseline: null, summary: (all) => Math.max(...all), goal }];
  },
}));

/** Longer than any of it may take. */
const GIVE_UP_MS = 30_000;

async function goneMs(kind: DriverKind, cycle: string, bed: Bed): Promise<number> {
  const dockerSocket = kind.startsWith("docker-") ? (await bed.engine()).socket : null;
  const owned: Owned = { stateDir: bed.fresh("state"), cycle, kind, image: bed.image, dockerSocket };
  const owner = spawn(process.execPath, [join(import.meta.dirname, "kill/owner.ts"), JSON.stringify(owned)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let all: ProcessId[] = [];
  try {
    const [said] = await Promise.race([once(owner.stdout, "data"), once(owner, "exit")]);
    if (!Buffer.isBuffer(said)) throw new Error(`the owner ended with ${String(said)}`);
    all = (JSON.parse(said.toString()) as number[]).flatMap(processesOf);
    return await milliseconds(async () => {
      owner.kill("SIGKILL");
      const endsAtMs = performance.now() + GIVE_UP_MS;
      while (all.some(isAlive) || named(cycle).length > 0) {
        if (performance.now() > endsAtMs) throw new Error(`still alive: ${named(cycle).join(", ")}`);
        await sleep(5);
      }
    });
  } finally {
    owner.kill("SIGKILL");
    for (const one of all) killProcess(one);
  }
}

/** Also what was started after the first look, or hangs on it by its name alone: a shim, a helper, a second watchdog. */
function named(cycle: string): string[] {
  return findProcesses((p) => p.commandLine.includes(cycle) || p.cgroup.includes(cycle)).map((p) => p.commandLine);
}
