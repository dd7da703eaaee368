import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Sandbox as Client } from "@e2b/code-interpreter";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { OperatorError } from "../../../src/base/errors.ts";
import { certify } from "../../../src/sandbox/certificate.ts";
import { live, scratchSpec, shell } from "../../../src/sandbox/contract/fixture.ts";
import { e2bDriver } from "../../../src/sandbox/e2b/e2b.ts";
import { type Image, prepareImage } from "../../../src/sandbox/image.ts";
import { sweep } from "../../../src/sandbox/sweep.ts";
import { type FakeE2b, startFakeE2b } from "../../support/e2b/fakeE2b.ts";
import { driverFor, furnishedTemplate } from "../../support/e2b/fixture.ts";

let root: string;
let home: string;
let image: Image;
let fake: FakeE2b;
const signal = new AbortController().signal;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "wd-e2bd-"));
  image = await prepareImage(join(root, "cache"));
  fake = await startFakeE2b();
  furnishedTemplate(fake, image);
});
afterAll(async () => {
  await fake.stop();
  rmSync(root, { recursive: true, force: true });
});
beforeEach(() => {
  home = mkdtempSync(join(root, "h-"));
  mkdirSync(join(home, "run"));
  fake.calls.length = 0;
});

const fixture = () => ({ image, signal, cycle: `e2bd${process.pid}` });
const survivors = () => fake.living().map(({ id }) => id);
const noSurvivor = () => expect.poll(survivors, { timeout: 10_000 }).toEqual([]);
const toFake = () => ({ apiKey: fake.apiKey, apiUrl: fake.url, sandboxUrl: fake.url });

test("a template that has nothing of ours is given the guest runtime, and nothing of it is left here but its archive", async () => {
  await live(driverFor(fake, home, { template: "base" }), fixture(), {}, async ({ broker, spec }) => {
    expect((await shell(broker, "echo there")).stdout).toBe("there\n");
    expect(readdirSync(join(home, "run", spec.name))).toEqual(["driver"]);
  });
  expect(readdirSync(join(root, "cache")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  await noSurvivor();
});

describe("a sweep", () => {
  test("finds what is paused, over all pages, and ends it", async () => {
    const driver = driverFor(fake, home);
    const one = await driver.create(scratchSpec(fixture()), signal);
    const [mine] = fake.living();
    const to = toFake();
    const names = ["a1", "a2", "a3", "a4"].map((label) => `wd-old-lab-${label}`);
    for (const weakdoorName of names) {
      const metadata = { ...mine?.metadata, weakdoorName };
      await (await Client.create("base", { ...to, metadata, timeoutMs: 60_000 })).pause();
    }
    expect((await driver.list()).toSorted()).toEqual([...names, one.name].toSorted());
    const report = await sweep({ drivers: [driver], stateDir: home, clock: systemClock, scope: "all" });
    expect(report.certificates.map(({ status }) => status)).toEqual(names.concat(one.name).map(() => "destroyed"));
    await noSurvivor();
  });

  test("leaves alone what another installation has in the same account", async () => {
    const driver = driverFor(fake, home);
    const to = toFake();
    const metadata = { weakdoor: "another", weakdoorName: "wd-old-lab-1" };
    const theirs = await Client.create("base", { ...to, metadata, timeoutMs: 60_000 });
    expect(await driver.list()).toEqual([]);
    await driver.destroy("wd-old-lab-1");
    expect(survivors()).toEqual([theirs.sandboxId]);
    await theirs.kill();
  });
});

describe("the key", () => {
  test("is in no argument, no environment and no file, and in nothing that is said", async () => {
    const sandbox = await driverFor(fake, home).create(scratchSpec(fixture()), signal);
    const places = ["cmdline", "environ"].map((file) => readFileSync(`/proc/${sandbox.pid}/${file}`, "utf8"));
    const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    places.push(...files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1")));
    expect(places.length).toBeGreaterThanOrEqual(3);
    for (const text of places) expect(text).not.toContain(fake.apiKey);
    await sandbox.kill();
    expect(JSON.stringify(await driverFor(fake, home).look(sandbox.name))).not.toContain(fake.apiKey);
  });

  test("that is not set leaves the service alone, and says which variable to set", async () => {
    const driver = e2bDriver({
      runDirectory: join(home, "run"),
      apiKey: undefined,
      keyEnv: "MY_KEY",
      template: "base",
      apiUrl: fake.url,
    });
    expect(await driver.check(signal)).toEqual({
      status: "missing",
      reason: "no key for E2B",
      hint: "set MY_KEY; e2b.dev/dashboard makes one",
    });
    const wanted = scratchSpec(fixture());
    await expect(driver.create(wanted, signal)).rejects.toThrow(OperatorError);
    await expect(driver.list()).rejects.toThrow(OperatorError);
    const certificate = await certify(driver, wanted.name, {
      role: "scratch",
      bornAt: null,
      runDirectory: join(home, "run"),
      clock: systemClock,
    });
    expect(certificate.status).toBe("unverified");
    expect(fake.calls).toEqual([]);
  });

  test("that is wrong is told as such", async () => {
    const answer = await driverFor(fake, home, { apiKey: `e2b_${"0".repeat(40)}` }).check(signal);
    expect(answer).toMatchObject({ status: "missing", hint: /whether E2B_API_KEY is good/ });
  });
});
