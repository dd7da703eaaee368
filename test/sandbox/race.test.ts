import { randomInt } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Stopped } from "../../src/base/errors.ts";
import { drivers } from "../../src/sandbox/all.ts";
import type { Certificate } from "../../src/sandbox/certificate.ts";
import { scratchSpec } from "../../src/sandbox/contract/fixture.ts";
import { type Image, prepareImage } from "../../src/sandbox/image.ts";
import { provision, runDirectoryOf } from "../../src/sandbox/provision.ts";
import type { Driver, SandboxSpec } from "../../src/sandbox/sandbox.ts";
import { openEntries, readJournal } from "../../src/stop/journal.ts";
import { setLatch } from "../../src/stop/latch.ts";
import { findProcesses } from "../../src/stop/processes.ts";
import { latchSignal } from "../../src/stop/watchLatch.ts";
import { fakeDriver, fakeSpec } from "../support/fakeDriver.ts";

/**
 * A kill that comes while sandboxes are being made, at a moment that a seed decides. A listing and a kill, once, left up to
 * ten of ten running (measured), so here nothing may be left of any.
 */
const SEEDS = 200;
const FAKE_SEEDS = 60;
const AT_ONCE = 8;
/** Longer than a create takes, so that some come before it, some during it and some after. */
const SPREAD_MS = 150;

let home: string;
let image: Image;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "wd-race-"));
  image = await prepareImage(join(home, "cache"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** mulberry32: the same seed gives the same moment on every machine. */
function moment(seed: number): number {
  let t = (seed + 0x6d2b79f5) | 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return (((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * SPREAD_MS;
}

type World = { cycle: string; driver: Driver; specs: SandboxSpec[] };

/** Makes them all at once, sets the latch at the seed's moment, and gives back what the certificates say. */
async function race(seed: number, worldOf: (stateDir: string) => World): Promise<string[]> {
  const stateDir = join(home, `s${seed}`);
  mkdirSync(stateDir, { mode: 0o700 });
  const { cycle, driver, specs } = worldOf(stateDir);
  using latch = latchSignal(stateDir);
  const certificates: Certificate[] = [];
  const options = {
    stateDir,
    clock: systemClock,
    signal: latch.signal,
    watchdog: { isAlive: () => true },
    onCertificate: (one: Certificate) => void certificates.push(one),
  };
  const making = specs.map((spec) => provision(driver, spec, options));
  const settled = Promise.allSettled(making);
  await sleep(moment(seed));
  setLatch(stateDir, { who: "seed", why: String(seed) }, systemClock);
  const made = await settled;
  for (const one of made) if (one.status === "fulfilled") await one.value.end();
  const failures = made.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  const bad = [
    ...failures.filter((reason) => !(reason instanceof Stopped)).map(String),
    ...certificates.filter(({ status }) => status !== "destroyed").map((one) => JSON.stringify(one)),
    ...findProcesses((p) => p.commandLine.includes(cycle) || p.cgroup.includes(cycle)).map((p) => p.commandLine),
    ...(await driver.list()).filter((name) => name.includes(cycle)),
    ...openEntries(readJournal(stateDir).entries).map(({ name }) => `open: ${name}`),
  ];
  rmSync(stateDir, { recursive: true, force: true });
  return bad.map((what) => `seed ${seed}: ${what}`);
}

async function raceAll(count: number, worldOf: (stateDir: string, seed: number) => World): Promise<string[]> {
  const bad: string[] = [];
  for (let from = 0; from < count; from += AT_ONCE) {
    const seeds = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, n) => from + n);
    bad.push(...(await Promise.all(seeds.map((seed) => race(seed, (state) => worldOf(state, seed))))).flat());
  }
  return bad;
}

test(`no survivor of a kill during a real create, over ${SEEDS} seeds`, { timeout: 300_000 }, async () => {
  const signal = new AbortController().signal;
  const bad = await raceAll(SEEDS, (stateDir) => {
    const cycle = `race${process.pid}x${randomInt(1_000_000_000)}`;
    const driver = drivers({ runDirectory: runDirectoryOf(stateDir) }).find(({ kind }) => kind === "bubblewrap");
    if (driver === undefined) throw new Error("no bubblewrap");
    return { cycle, driver, specs: [scratchSpec({ image, cycle, signal })] };
  });
  expect(bad).toEqual([]);
});

test(`no survivor where the backend is slow, deaf and loses replies, over ${FAKE_SEEDS} seeds`, {
  timeout: 300_000,
}, async () => {
  const bad = await raceAll(FAKE_SEEDS, (_, seed) => {
    const cycle = `race${process.pid}x${randomInt(1_000_000_000)}`;
    const faults = { createDelayMs: moment(seed + SEEDS), createFailsAfterStart: seed % 3 === 0 };
    return { cycle, driver: fakeDriver(cycle, faults), specs: [1, 2, 3].map((n) => fakeSpec(cycle, n)) };
  });
  // The lost reply is told where the kill came too late to be the reason.
  expect(bad.filter((what) => !what.endsWith("Error: the reply was lost"))).toEqual([]);
});
