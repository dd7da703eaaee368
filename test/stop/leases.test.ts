import { expect, test } from "vitest";
import { leaseWatch } from "../../src/stop/leases.ts";
import type { JournalEntry } from "../../src/stop/stop.ts";

const CYCLE = "c1";
const LEASES = { cycleMs: 10_000, stepMs: 1_000, createGraceMs: 100 };
const at = "2026-01-01T00:00:00.000Z";
const step = (name: string, cycle = CYCLE): JournalEntry => ({ kind: "step", cycle, step: name, at });
const intent: JournalEntry = {
  kind: "intent",
  cycle: CYCLE,
  name: "wd-c1-lab-1",
  driver: "fake",
  hints: {},
  at,
  deadline: "2026-01-01T00:00:00.300Z",
};
const born: JournalEntry = { ...intent, kind: "born", processes: [] };
const dead: JournalEntry = { kind: "dead", cycle: CYCLE, name: intent.name, certificate: "unverified", at };

/** Each row: the time in ms, what has been appended since, and what is said then. */
type Row = [nowMs: number, appended: JournalEntry[], said: string | undefined];

test.each<[string, Row[]]>([
  [
    "a cycle that writes something within its time goes on",
    [
      [900, [step("a")], undefined],
      [1_800, [step("b")], undefined],
    ],
  ],
  [
    "one that writes nothing for too long has not moved",
    [
      [900, [step("a")], undefined],
      [1_901, [], "has not moved"],
    ],
  ],
  [
    "what another cycle writes renews nothing",
    [
      [900, [step("a", "c2")], undefined],
      [1_001, [], "has not moved"],
    ],
  ],
  [
    "a create has its own time and a grace",
    [
      [0, [intent], undefined],
      [400, [], undefined],
      [401, [], "has hung"],
    ],
  ],
  [
    "a create that came to a birth is over",
    [
      [0, [intent], undefined],
      [300, [born], undefined],
      [900, [], undefined],
    ],
  ],
  [
    "a create that came to an end is over, also to a bad one",
    [
      [0, [intent, dead], undefined],
      [900, [], undefined],
    ],
  ],
  [
    "a second create of one name has a time of its own",
    [
      [0, [intent], undefined],
      [350, [dead], undefined],
      [380, [intent], undefined],
      [700, [], undefined],
      [781, [], "has hung"],
    ],
  ],
  [
    "the deadline counts from when it was first seen, so a jump of the wall clock ends nothing",
    [
      [0, [{ ...intent, at: "2020-01-01T00:00:00.000Z", deadline: "2020-01-01T00:00:00.300Z" }], undefined],
      [399, [], undefined],
    ],
  ],
])("%s", (_, rows) => {
  let now = 0;
  const look = leaseWatch(CYCLE, LEASES, () => now);
  const journal: JournalEntry[] = [];
  for (const [nowMs, appended, said] of rows) {
    now = nowMs;
    journal.push(...appended);
    expect(look(journal) ?? "nothing ran out").toContain(said ?? "nothing ran out");
  }
});

test("a whole cycle has an end that nothing renews", () => {
  let now = 0;
  const look = leaseWatch(CYCLE, LEASES, () => now);
  const journal: JournalEntry[] = [];
  for (; now <= 10_000; now += 500) {
    journal.push(step(`s${now}`));
    expect(look(journal)).toBeUndefined();
  }
  journal.push(step("last"));
  expect(look(journal)).toContain("has lived for over 10000 ms");
});
