import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Stopped } from "../../src/base/errors.ts";
import type { Egress } from "../../src/sandbox/endOf.ts";
import { type Provisioned, provision } from "../../src/sandbox/provision.ts";
import type { Driver } from "../../src/sandbox/sandbox.ts";
import { fakeDriver, fakeSpec } from "../support/fakeDriver.ts";

/** The order in which things end. */
const cycle = `end${process.pid}`;
let state: string;
let events: string[];
let stop: AbortController;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "wd-end-"));
  events = [];
  stop = new AbortController();
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

async function made(egress?: Egress): Promise<Provisioned[]> {
  const fake = fakeDriver(cycle);
  const driver: Driver = {
    ...fake,
    async create(spec, signal) {
      const sandbox = await fake.create(spec, signal);
      const kill = () => {
        events.push("kill");
        return sandbox.kill();
      };
      return {
        ...sandbox,
        kill,
        get hints() {
          events.push("by the journal");
          return {};
        },
      };
    },
  };
  const options = {
    stateDir: state,
    clock: systemClock,
    signal: stop.signal,
    watchdog: { isAlive: () => true },
    onCertificate: () => undefined,
    ...(egress === undefined ? {} : { egress }),
  };
  const sandboxes = await Promise.all([1, 2].map((n) => provision(driver, fakeSpec(cycle, n), options)));
  events = [];
  return sandboxes;
}

/** One for all, as the gateway is. */
function cutting(how: () => Promise<void>): Egress {
  let over: Promise<void> | undefined;
  const cut = async () => {
    await how();
    events.push("egress is cut");
  };
  return { cut: () => (over ??= cut()) };
}

async function ends(sandboxes: readonly Provisioned[]): Promise<void> {
  for (const sandbox of sandboxes) expect((await sandbox.end()).status).toBe("destroyed");
}

const STRUCK = ["kill", "kill", "by the journal", "by the journal"];

test("the switch cuts egress, then strikes each once, and then looks for what else there is of each", async () => {
  const sandboxes = await made(cutting(() => sleep(20)));
  stop.abort(new Stopped("drill"));
  await ends(sandboxes);
  expect(events).toEqual(["egress is cut", ...STRUCK]);
});

test("an end of one alone cuts nothing: others still need the gateway", async () => {
  await ends(await made(cutting(() => Promise.resolve())));
  expect(events.toSorted()).toEqual(STRUCK.toSorted());
});

test.each<[string, () => Promise<void>]>([
  ["hangs", () => new Promise(() => undefined)],
  ["fails", () => Promise.reject(new Error("the gateway is gone"))],
])("a cut that %s does not keep them alive", async (_, how) => {
  const sandboxes = await made(cutting(how));
  stop.abort(new Stopped("drill"));
  await ends(sandboxes);
  expect(events.toSorted()).toEqual(STRUCK.toSorted());
});

test("without a gateway there is nothing to cut", async () => {
  const sandboxes = await made();
  stop.abort(new Stopped("drill"));
  await ends(sandboxes);
  expect(events.toSorted()).toEqual(STRUCK.toSorted());
});
