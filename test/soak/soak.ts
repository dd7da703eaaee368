import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "../../src/base/errors.ts";
import type { Driver, DriverKind } from "../../src/sandbox/sandbox.ts";
import { type Bed, makeBed } from "../bench/bed.ts";
import { round } from "../bench/rounds.bench.ts";
import { TRACES, type Traces, tracesOf } from "../bench/traces.ts";
import { start } from "../support/weakdoor.ts";
import { day, GROWTH_MIB_MAX } from "./egress/day.ts";
import { storm } from "./egress/storm.ts";
import { growthOf } from "./growth.ts";

/**
 * `npm run soak [-- --minutes N]`: first a day of traffic through one gateway in about a minute and a minute of floods against
 * another, then passes until the time is up, ten minutes when nothing is said, those two among them. A pass creates, uses and
 * destroys a sandbox of each backend that is ready and runs the demo's cycle whole, then looks at what is left on the machine
 * and in this process. Growth of a gateway's memory or of what is left, a flood that costs others an answer, a failed pass,
 * and a soak without two passes make the exit code 1.
 */
const STORM_SECONDS = 60;
const KINDS: readonly DriverKind[] = ["bubblewrap", "runsc", "docker-runc", "docker-runsc", "srt", "qemu"];

const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  process.stderr.write(`--minutes takes a number of minutes, not ${values.minutes}\n`);
  process.exitCode = 2;
} else process.exitCode = (await soak(minutes)) ? 0 : 1;

async function soak(minutes: number): Promise<boolean> {
  const endsAtMs = performance.now() + minutes * 60_000;
  if (!(await dayOfTraffic()) || !(await minuteOfFloods())) return false;
  await using bed = await makeBed();
  const stateDir = bed.fresh("state");
  const demoState = bed.fresh("state");
  for (const directory of [stateDir, demoState]) mkdirSync(directory, { mode: 0o700 });
  symlinkSync(bed.cache, join(demoState, "cache"));
  const drivers = await readyOnes(bed);
  const looks: Traces[] = [];
  print(["pass", "seconds", ...TRACES]);
  while (performance.now() < endsAtMs || looks.length < 2) {
    const startMs = performance.now();
    bed.renew();
    try {
      for (const driver of drivers) await round(driver, stateDir, bed);
      await demo(demoState, bed);
    } catch (thrown) {
      process.stderr.write(`pass ${looks.length + 1} failed: ${messageOf(thrown)}\n`);
      return false;
    }
    const look = tracesOf(bed.marks());
    looks.push(look);
    const seconds = (performance.now() - startMs) / 1_000;
    print([String(looks.length), seconds.toFixed(1), ...TRACES.map((what) => shown(look[what]))]);
  }
  const growth = growthOf(looks);
  for (const { what, first, last, grows } of growth)
    if (grows) process.stdout.write(`grows: ${what}, from ${shown(first)} to ${shown(last)}\n`);
  return !growth.some(({ grows }) => grows);
}

async function dayOfTraffic(): Promise<boolean> {
  const { requests, seconds, grownMiB, log, isFlat } = await day((line) => process.stdout.write(`${line}\n`));
  const rate = (requests / seconds).toFixed(0);
  process.stdout.write(
    `a day of traffic: ${requests} requests in ${seconds.toFixed(0)} s, ${rate} a second; the gateway's memory grew by ${grownMiB.toFixed(1)} MiB of at most ${GROWTH_MIB_MAX}; its log is ${log}\n`,
  );
  return isFlat;
}

async function minuteOfFloods(): Promise<boolean> {
  const told = await storm(STORM_SECONDS, (line) => process.stdout.write(`${line}\n`));
  const { floods, seconds, answers, wrong, slowestMs, grownMiB, descriptorsMore, log, isSound } = told;
  process.stdout.write(
    `a storm: ${floods} floods in ${seconds.toFixed(0)} s; beside them ${answers} answers, ${wrong} of them wrong, the slowest after ${slowestMs.toFixed(0)} ms; the gateway's memory grew by ${grownMiB.toFixed(1)} MiB, its descriptors by ${descriptorsMore}; its log is ${log}\n`,
  );
  return isSound;
}

/** Says which are not: what did not soak is never taken for sound. */
async function readyOnes(bed: Bed): Promise<Driver[]> {
  const ready: Driver[] = [];
  for (const kind of KINDS) {
    try {
      ready.push(await bed.driver(kind));
    } catch (thrown) {
      process.stdout.write(`not soaked: ${messageOf(thrown)}\n`);
    }
  }
  return ready;
}

async function demo(state: string, bed: Bed): Promise<void> {
  const { code, err } = await start(["run", "--demo", "--state", state, "--reports", bed.fresh("reports")]).ended;
  // 10: new findings; 0: the same as the time before.
  if (code !== 10 && code !== 0) throw new Error(`the demo's cycle ended with ${code}: ${err.slice(-1_000)}`);
}

function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

function print(cells: readonly string[]): void {
  process.stdout.write(`${cells.map((cell) => cell.padStart(11)).join(" ")}\n`);
}
