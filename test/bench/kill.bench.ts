import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../src/base/clock.ts";
import { TOOL_PATH } from "../../src/base/exec.ts";
import { guestArgv } from "../../src/guest/argv.ts";
import { GUEST_DIR } from "../../src/guest/wire.ts";
import { makeOwnRoot } from "../../src/sandbox/ownRoot.ts";
import { type Provisioned, provision } from "../../src/sandbox/provision.ts";
import { scratchBroker } from "../../src/sandbox/scratchBroker.ts";
import { isAlive, killProcess, processId } from "../../src/stop/processes.ts";
import { processesBelow } from "../support/processes.ts";
import { type Ended, start, weakdoor } from "../support/weakdoor.ts";
import type { Bed } from "./bed.ts";
import { type Bench, type Measured, milliseconds, sideBySide } from "./figure.ts";

/** From the decision to stop until everything is gone and known to be. */
export const kill: Bench = {
  name: "kill",
  run: async (bed) => [await ten(bed), ...(await wholeCycle(bed))],
};

const SANDBOXES = 10;
const RUNS = 3;

async function ten(bed: Bed): Promise<Measured> {
  const figures = await sideBySide(
    RUNS,
    () => certifiedMs(bed),
    () => bareMs(bed),
  );
  const goal = { text: "under 2000 ms", isMet: (value: number) => value < 2_000 };
  return { name: `kill of ${SANDBOXES} bubblewrap, to the certificates`, unit: "ms", ...figures, goal };
}

async function certifiedMs(bed: Bed): Promise<number> {
  const stateDir = bed.fresh("state");
  mkdirSync(stateDir, { mode: 0o700 });
  const alive: Provisioned[] = [];
  const endAll = () => Promise.all(alive.map((one) => one.end()));
  try {
    for (let i = 0; i < SANDBOXES; i++) {
      const one = await provision(await bed.driver("bubblewrap"), bed.spec(), {
        stateDir,
        clock: systemClock,
        signal: bed.signal,
        watchdog: { isAlive: () => true },
        onCertificate: () => undefined,
      });
      alive.push(one);
      await scratchBroker(one.channel).hello;
    }
    return await milliseconds(async () => {
      const doubted = (await endAll()).filter(({ status }) => status !== "destroyed");
      if (doubted.length > 0) throw new Error(`${doubted.length} of ${SANDBOXES} are not certified destroyed`);
    });
  } finally {
    await endAll();
  }
}

/** The same program in sandboxes made by hand: SIGKILL to each bwrap, until no process of theirs is there. */
async function bareMs(bed: Bed): Promise<number> {
  const spec = bed.spec();
  const root = await makeOwnRoot(spec, bed.fresh("root"), bed.signal);
  const places = ["--ro-bind", root.path, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"];
  const options = ["--unshare-all", "--die-with-parent", ...places, "--ro-bind", spec.guest, GUEST_DIR, "--"];
  const children: ChildProcess[] = [];
  try {
    for (let i = 0; i < SANDBOXES; i++) {
      const child = spawn("bwrap", [...options, ...guestArgv("shim", [spec.name])], { env: { PATH: TOOL_PATH } });
      children.push(child);
      // The shim's first bytes: the preface of HTTP/2.
      await once(child.stdout, "data");
    }
    const all = children.flatMap((child) => processesBelow(child.pid ?? 0)).flatMap((pid) => processId(pid) ?? []);
    return await milliseconds(async () => {
      for (const child of children) child.kill("SIGKILL");
      while (all.some(isAlive)) await sleep(1);
    });
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

/** Where in the demo cycle the switch is thrown: two sandboxes live then, and the gateway. */
const MOMENT = { step: "  target ", afterMs: 100 };

/** Read from the outside, as a person with two terminals would: the start of `weakdoor kill` is in it. */
async function wholeCycle(bed: Bed): Promise<Measured[]> {
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
}

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
