import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { boots, CONTRACT, type Fixture, unmetNeeds } from "../../../src/sandbox/contract.ts";
import { e2bDriver } from "../../../src/sandbox/e2b/e2b.ts";
import { type Image, prepareImage } from "../../../src/sandbox/image.ts";
import { type FakeE2b, startFakeE2b } from "../../support/e2b/fakeE2b.ts";
import { driverFor, furnishedTemplate, optionsFor, ownerOf } from "../../support/e2b/fixture.ts";

let home: string;
let image: Image;
let fake: FakeE2b;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "wd-e2b-"));
  image = await prepareImage(join(home, "cache"));
  fake = await startFakeE2b();
  furnishedTemplate(fake, image);
});
afterAll(async () => {
  await fake.stop();
  rmSync(home, { recursive: true, force: true });
});
/** Whatever a case is about: over there, nothing may be left of it. */
const survivors = () => fake.living().map(({ metadata }) => metadata);

// Which cases there are must be known before the fake runs.
const blueprint = e2bDriver({
  runDirectory: "/nonexistent",
  apiKey: undefined,
  keyEnv: "E2B_API_KEY",
  template: "base",
});

test("what it cannot do is this and nothing else, each with its reason", () => {
  expect(blueprint.cannot.map(({ what }) => what)).toEqual([
    "limit memory",
    "limit cpus",
    "limit pids",
    "write to mounts as any user",
    "share a directory with the host",
    "pass unix sockets in",
    "allow new privileges",
    "be looked at from outside",
    "take the interface out of the machine",
  ]);
  expect(blueprint.cannot.every(({ why }) => why.length > 0)).toBe(true);
});

test("it boots within a deadline, and a deadline that is too short is a failure that leaves nothing", async () => {
  const signal = new AbortController().signal;
  expect(await boots(driverFor(fake, home), { image, deadlineMs: 30_000, signal })).toMatchObject({
    status: "booted",
  });
  expect(await boots(driverFor(fake, home), { image, deadlineMs: 10, signal })).toMatchObject({ status: "failed" });
  expect(await driverFor(fake, home).list()).toEqual([]);
  await expect.poll(survivors, { timeout: 5_000 }).toEqual([]);
});

const cases = CONTRACT.filter((one) => unmetNeeds(blueprint, one).length === 0);
test.each(cases)("$name", async (one) => {
  const fixture: Fixture = {
    image,
    signal: new AbortController().signal,
    cycle: `e2b${process.pid}`,
    owner: (_driver, spec) => ownerOf({ runDirectory: join(home, "run"), e2b: optionsFor(fake) }, spec),
  };
  expect(await one.run(driverFor(fake, home), fixture)).toBeUndefined();
  await expect.poll(survivors, { timeout: 5_000 }).toEqual([]);
});
