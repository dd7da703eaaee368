import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readEnvironment, secretNamed } from "../../src/config/env.ts";
import { boots, CONTRACT, type Fixture, unmetNeeds } from "../../src/sandbox/contract.ts";
import { type E2bOptions, e2bDriver } from "../../src/sandbox/e2b/e2b.ts";
import { type Image, prepareImage } from "../../src/sandbox/image.ts";
import type { Driver } from "../../src/sandbox/sandbox.ts";
import { ownerOf } from "../support/e2b/fixture.ts";

/** The contract against E2B itself; E2B_TEMPLATE, E2B_API_URL and E2B_SANDBOX_URL name another template or cluster. */
const environment = readEnvironment();
const given = (name: string) => secretNamed(environment, name);
const options: Omit<E2bOptions, "runDirectory"> = {
  apiKey: given("E2B_API_KEY"),
  keyEnv: "E2B_API_KEY",
  template: given("E2B_TEMPLATE") ?? "base",
  apiUrl: given("E2B_API_URL"),
  sandboxUrl: given("E2B_SANDBOX_URL"),
};

let home: string;
let image: Image;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "wd-e2b-live-"));
  image = await prepareImage(join(home, "cache"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const driver = (): Driver => e2bDriver({ ...options, runDirectory: join(home ?? tmpdir(), "run") });

test("it answers to this key", async () => {
  expect(await driver().check(AbortSignal.timeout(10_000))).toMatchObject({ status: "ready" });
});

test("it boots within a deadline and leaves nothing", async () => {
  const signal = new AbortController().signal;
  expect(await boots(driver(), { image, deadlineMs: 200_000, signal })).toMatchObject({ status: "booted" });
  expect(await driver().list()).toEqual([]);
});

const cases = CONTRACT.filter(
  (one) => unmetNeeds(e2bDriver({ ...options, runDirectory: tmpdir() }), one).length === 0,
);
test.each(cases)("$name", async (one) => {
  const fixture: Fixture = {
    image,
    signal: new AbortController().signal,
    cycle: `e2blive${process.pid}`,
    owner: (_driver, spec) => ownerOf({ runDirectory: join(home, "run"), e2b: options }, spec),
  };
  expect(await one.run(driver(), fixture)).toBeUndefined();
});
