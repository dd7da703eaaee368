import { readdirSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStore } from "../../src/store/openStore.ts";
import { type SmallStack, stackOf } from "../support/stackOf.ts";
import { processesWith, type Running, start, weakdoor } from "../support/weakdoor.ts";

/** The timetable as a user has it: real cron, real cycles in processes of their own. */
const EVERY_MINUTE = 'schedule: { cron: "* * * * *" }\n';
let waiting: SmallStack;
let missed: SmallStack;
let timetable: Running;
/** Told to stop in the middle of its first cycle, whenever that comes. */
let stopped: Promise<boolean>;

beforeAll(() => {
  waiting = stackOf("minute", EVERY_MINUTE);
  missed = stackOf("missed", 'schedule: { cron: "0 6 * * 1", timeZone: Europe/Berlin }\n');
  // It waits for its minute while the other tests run.
  timetable = start(["schedule", ...waiting.args]);
  stopped = timetable.says("  gateway ").then(() => timetable.child.kill("SIGTERM"));
});
afterAll(async () => {
  timetable.child.kill("SIGTERM");
  await timetable.ended;
  for (const stack of [waiting, missed]) stack.remove();
});

function setScheduled(stack: SmallStack, at: Date): void {
  const store = openStore(stack.state);
  try {
    store.setScheduled("small", at);
  } finally {
    store.close();
  }
}

test("a first start has missed nothing, and says when the next cycle is due", async () => {
  const once = await weakdoor("schedule", "--once", ...missed.args);
  expect(once).toMatchObject({ code: 0, err: "" });
  expect(once.out).toMatch(/^\S+Z next cycle: \d{4}-\d\d-\d\dT0[45]:00:00\.000Z\n$/);
});

test("runs that were missed while nothing was running are made up for by one, and by one only", async () => {
  setScheduled(missed, new Date(Date.now() - 40 * 24 * 3_600_000));
  const caughtUp = await weakdoor("schedule", "--once", ...missed.args);
  expect(caughtUp.code, caughtUp.err).toBe(0);
  expect(caughtUp.out).toMatch(/a run was due at \S+ and nothing was running: catching up with one\n/);
  expect(caughtUp.out).toMatch(/the cycle ended with exit code (0|10)\n$/);
  expect(readdirSync(missed.reports)).toHaveLength(1);
  const again = await weakdoor("schedule", "--once", ...missed.args);
  expect(again.out).toContain("next cycle: ");
  expect(readdirSync(missed.reports)).toHaveLength(1);
});

test("a timetable that cannot be kept is a clear line", async () => {
  const stack = stackOf("cron", 'schedule: { cron: "61 * * * *" }\n');
  try {
    const ended = await weakdoor("schedule", ...stack.args);
    expect(ended.err).toMatch(/^weakdoor: weakdoor\.yaml:4: schedule\.cron: "61 .*\nhint: five cron fields.*\n$/);
    expect(ended.code).toBe(2);
  } finally {
    stack.remove();
  }
});

test("with a cron of every minute a cycle starts at the minute; SIGTERM is handed on to it, and nothing is left", async () => {
  await stopped;
  const ended = await timetable.ended;
  expect(ended.code, ended.err).toBe(0);
  expect(ended.out).toMatch(/^\S+Z next cycle: \S+:00\.000Z\n(.*\n)*\S+Z a cycle begins\n/);
  expect(ended.out).toMatch(/the cycle ended with exit code 40\n$/);
  expect(processesWith(waiting.directory)).toEqual([]);
  expect((await weakdoor("status", "--state", waiting.state)).out).toContain("kill switch: SET");
}, 90_000);
