import { mkdirSync } from "node:fs";
import { systemClock } from "../../src/base/clock.ts";
import { provision } from "../../src/sandbox/provision.ts";
import type { Driver, DriverKind } from "../../src/sandbox/sandbox.ts";
import { scratchBroker } from "../../src/sandbox/scratchBroker.ts";
import { type Bed, MARK } from "./bed.ts";
import { type Bench, type Measured, milliseconds } from "./figure.ts";
import { type Traces, tracesOf } from "./traces.ts";

/** Ten full rounds of create, use and destroy with a certificate, and what they leave: nothing, and no growth in memory. */
const KINDS: readonly DriverKind[] = ["docker-runc", "docker-runsc", "bubblewrap", "runsc"];
const ROUNDS = 10;
/** Before the first look: what is loaded once, and what a collector keeps for a while. */
const WARM_UP_ROUNDS = 3;
const GROWTH_MIB_MAX = 2;

export const rounds: readonly Bench[] = KINDS.map((kind) => ({
  name: `rounds ${kind}`,
  async run(bed) {
    const driver = await bed.driver(kind);
    const stateDir = bed.fresh("state");
    mkdirSync(stateDir, { mode: 0o700 });
    for (let i = 0; i < WARM_UP_ROUNDS; i++) await round(driver, stateDir, bed);
    const before = tracesOf(bed.marks());
    const values: number[] = [];
    for (let i = 0; i < ROUNDS; i++) values.push(await milliseconds(() => round(driver, stateDir, bed)));
    const after = tracesOf(bed.marks());
    const listed = (await driver.list()).filter((name) => name.startsWith(`wd-${MARK}-`));
    if (listed.length > 0) throw new Error(`${kind} still lists ${listed.join(", ")}`);
    return [
      { name: `round of ${kind}: create, use, destroy`, unit: "ms", values, baseline: null, goal: null },
      ...left(kind, before, after),
    ];
  },
}));

/** As a cycle does it, but for the watchdog. */
export async function round(driver: Driver, stateDir: string, bed: Bed): Promise<void> {
  const options = {
    stateDir,
    clock: systemClock,
    signal: bed.signal,
    watchdog: { isAlive: () => true },
    onCertificate: () => undefined,
  };
  await using sandbox = await provision(driver, bed.spec(), options);
  const broker = scratchBroker(sandbox.channel);
  const { code, stderr } = await broker.run(TASK);
  if (code !== 0) throw new Error(`the task ended with ${code}: ${stderr}`);
  const { status } = await sandbox.end();
  if (status !== "destroyed") throw new Error(`a sandbox of ${driver.kind} is ${status}`);
}

const TASK = {
  run: { argv: ["/bin/sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x"] as [string, ...string[]] },
  env: { PATH: "/bin:/usr/bin" },
  cwd: "/",
  stdin: "",
  timeoutMs: 30_000,
  outputBytesMax: 1_000_000,
};

function left(kind: DriverKind, before: Traces, after: Traces): Measured[] {
  const grown = (what: keyof Traces) => after[what] - before[what];
  const counted = (["processes", "mounts", "cgroups", "temporary", "namespaces", "descriptors"] as const).map(
    (what) => ({
      name: `left by ${ROUNDS} rounds of ${kind}: ${what}`,
      unit: "",
      values: [grown(what)],
      baseline: null,
      goal: { text: "none", isMet: (value: number) => value <= 0 },
    }),
  );
  const memory = {
    name: `left by ${ROUNDS} rounds of ${kind}: heap`,
    unit: "MiB",
    values: [grown("heapMiB")],
    baseline: null,
    goal: { text: `less than ${GROWTH_MIB_MAX} MiB`, isMet: (value: number) => value < GROWTH_MIB_MAX },
  };
  return [...counted, memory];
}
