import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { scratchSpec, shell } from "../../../src/sandbox/contract/fixture.ts";
import { type Image, prepareImage } from "../../../src/sandbox/image.ts";
import { scratchBroker } from "../../../src/sandbox/scratchBroker.ts";
import { findProcesses, holdsName, killProcess } from "../../../src/stop/processes.ts";
import { type FakeE2b, startFakeE2b } from "../../support/e2b/fakeE2b.ts";
import { noFaults } from "../../support/e2b/faults.ts";
import { driverFor, furnishedTemplate, optionsFor, ownerOf } from "../../support/e2b/fixture.ts";

/** What ends a machine when nobody here is left to end it. */
let home: string;
let image: Image;
let fake: FakeE2b;
const signal = new AbortController().signal;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "wd-e2bl-"));
  image = await prepareImage(join(home, "cache"));
  fake = await startFakeE2b();
  furnishedTemplate(fake, image);
});
afterAll(async () => {
  await fake.stop();
  rmSync(home, { recursive: true, force: true });
});
afterEach(() => {
  Object.assign(fake.faults, noFaults());
});

const spec = () => scratchSpec({ image, signal, cycle: `e2bl${process.pid}` });
const survivors = () => fake.living().map(({ id }) => id);
const guests = () => fake.living().flatMap(({ processes }) => [...processes.keys()]);

/** It asks nobody, as the watchdog does. */
function killByName(name: string): void {
  for (const one of findProcesses(({ commandLine }) => holdsName(commandLine, name))) killProcess(one);
}

test("it is renewed for as long as its owner lives, also past renewals that fail", async () => {
  const sandbox = await driverFor(fake, home, { leaseMs: 6_000 }).create(spec(), signal);
  const broker = scratchBroker(sandbox.channel);
  await broker.hello;
  fake.faults.renewFails = 2;
  await sleep(13_000);
  expect((await shell(broker, "echo here")).stdout).toBe("here\n");
  broker.destroy();
  await sandbox.kill();
  await expect.poll(survivors, { timeout: 15_000 }).toEqual([]);
});

test("one whose renewals fail for good is over with its lease, and its owner sees it", async () => {
  const sandbox = await driverFor(fake, home, { leaseMs: 6_000 }).create(spec(), signal);
  const broker = scratchBroker(sandbox.channel);
  await broker.hello;
  fake.faults.renewFails = 1_000;
  await sandbox.exited;
  await broker.closed;
  await expect.poll(survivors, { timeout: 15_000 }).toEqual([]);
  await sandbox.kill();
});

test("the owner's death by SIGKILL ends the machine at once, by the process that stood for it", async () => {
  const wanted = spec();
  const e2b = optionsFor(fake, { leaseMs: 600_000 });
  const owner = await ownerOf({ runDirectory: join(home, "run"), e2b }, wanted);
  expect(survivors()).toHaveLength(1);
  owner.kill();
  await expect.poll(survivors, { timeout: 15_000 }).toEqual([]);
  await driverFor(fake, home).destroy(wanted.name);
});

test("with all processes here killed in one blow the guest dies of its heartbeat and the machine of its lease", async () => {
  const wanted = spec();
  const e2b = optionsFor(fake, { leaseMs: 15_000 });
  const owner = await ownerOf({ runDirectory: join(home, "run"), e2b }, wanted);
  killByName(wanted.name);
  owner.kill();
  const driver = driverFor(fake, home, { leaseMs: 15_000 });
  expect(driver.hints?.(wanted.name)).toEqual({ leaseEndsWithinMs: 25_000 });
  const list = (await driver.look(wanted.name)).find(({ what }) => what === "E2B's list");
  expect(list?.status).toBe("left");
  await expect.poll(guests, { timeout: 11_000, interval: 20 }).toEqual([]);
  expect(survivors()).toHaveLength(1);
  await expect.poll(survivors, { timeout: 30_000 }).toEqual([]);
  await driver.destroy(wanted.name);
  expect((await driver.look(wanted.name)).every(({ status }) => status === "clean")).toBe(true);
});
