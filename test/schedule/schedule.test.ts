import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { takeLock } from "../../src/cycle/turn.ts";
import { atStart, keepTime } from "../../src/schedule/schedule.ts";

const weekly = { cron: "0 6 * * 1", timeZone: "Europe/Berlin", catchUp: "one" } as const;

test.each([
  ["never ran", undefined, "nothing-missed"],
  ["ran at the due minute", "2026-11-16T05:00:30Z", "nothing-missed"],
  ["was down last Monday", "2026-11-09T05:00:30Z", "run-now"],
  ["was down for months", "2026-06-01T04:00:30Z", "run-now"],
])("at start: %s", (_name, last, status) => {
  const now = new Date("2026-11-21T12:00:00Z");
  expect(atStart(weekly, last === undefined ? undefined : new Date(last), now).status).toBe(status);
});

test("at start it says when the next cycle is due", () => {
  const start = atStart(weekly, undefined, new Date());
  expect(start).toMatchObject({ status: "nothing-missed", next: expect.any(Date) });
});

test("however many runs were missed, one is caught up, and it is the latest", () => {
  const start = atStart(weekly, new Date("2026-06-01T04:00:30Z"), new Date("2026-11-21T12:00:00Z"));
  expect(start).toMatchObject({ status: "run-now", missed: new Date("2026-11-16T05:00:00Z") });
});

test("a team that wants no catch-up gets none, and is told what was missed", () => {
  const start = atStart(
    { ...weekly, catchUp: "none" },
    new Date("2026-11-09T05:00:30Z"),
    new Date("2026-11-21T12:00:00Z"),
  );
  expect(start).toMatchObject({ status: "skip-missed", missed: new Date("2026-11-16T05:00:00Z") });
});

test("the time zone is the team's: 06:00 in Berlin is 04:00 UTC in summer and 05:00 in winter", () => {
  const due = (last: string, now: string) => atStart(weekly, new Date(last), new Date(now));
  expect(due("2026-07-06T00:00:00Z", "2026-07-06T12:00:00Z")).toMatchObject({
    missed: new Date("2026-07-06T04:00:00Z"),
  });
  expect(due("2026-12-07T00:00:00Z", "2026-12-07T12:00:00Z")).toMatchObject({
    missed: new Date("2026-12-07T05:00:00Z"),
  });
});

test("a time that the spring clock change skips is not due that day, and one that autumn repeats is found once", () => {
  const nightly = { cron: "30 2 * * *", timeZone: "Europe/Berlin", catchUp: "one" } as const;
  // On 2026-03-29 Berlin goes from 02:00 to 03:00: 02:30 is not there.
  const spring = atStart(nightly, new Date("2026-03-28T12:00:00Z"), new Date("2026-03-29T12:00:00Z"));
  expect(spring.status).toBe("nothing-missed");
  const autumn = atStart(nightly, new Date("2026-10-24T12:00:00Z"), new Date("2026-10-25T12:00:00Z"));
  expect(autumn.status).toBe("run-now");
});

test("keeping time ends when it is told to, and waits for the run it started", async () => {
  const stop = new AbortController();
  let runs = 0;
  const kept = keepTime(
    { cron: "* * * * *", timeZone: "UTC", catchUp: "none" },
    { run: async () => void runs++, say: () => undefined, signal: stop.signal },
  );
  stop.abort();
  await kept;
  expect(runs).toBeLessThanOrEqual(1);
});

test("a second cycle of the same stack is refused while the first lives, and a dead holder's lock is taken over", () => {
  const state = mkdtempSync(join(tmpdir(), "wd-lock-"));
  try {
    const lock = takeLock(state);
    expect(() => takeLock(state)).toThrow("is running already");
    lock[Symbol.dispose]();
    writeFileSync(join(state, "run/lock"), JSON.stringify({ pid: process.pid, startTime: "1" }));
    takeLock(state)[Symbol.dispose]();
    writeFileSync(join(state, "run/lock"), '{"pid":');
    takeLock(state)[Symbol.dispose]();
  } finally {
    rmSync(state, { recursive: true });
  }
});
