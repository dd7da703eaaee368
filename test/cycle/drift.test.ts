import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { heldAndKept } from "../../src/cycle/drift.ts";
import type { Observation } from "../../src/guest/observation.ts";
import { unapproved } from "../../src/probe/drift.ts";
import type { IntendedFile } from "../../src/probe/intended.ts";
import { baselinePath } from "../../src/probe/keptBaseline.ts";
import { report, row } from "../probe/sample.ts";

let state = "";
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "wd-held-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

type Cycle = {
  day: number;
  rows: Observation[];
  intended?: IntendedFile["target"];
  unasked?: boolean;
  directories?: string;
};

/** One cycle a day in June 2026, of which only the measurement is made. */
function cycle(of: Cycle, stack = "demo") {
  const { day, rows, intended = [], unasked = false, directories = "here" } = of;
  const at = `2026-06-${String(day).padStart(2, "0")}T12:00:00.000Z`;
  const now = () => new Date(at);
  const target = report("target", rows);
  const checks = target.checks.map((run) => (unasked ? { ...run, status: "failed" as const, reason: "late" } : run));
  const since = heldAndKept(
    { stateDir: state, intended: { target: intended, lab: [] }, clock: { now, monotonicMs: () => 0 } },
    {
      kind: "weakdoor-baseline",
      version: 2,
      stack,
      cycle: idOf(day),
      takenAt: at,
      circumstances: { kernel: "6.1", directories },
      target: { ...target, checks },
      lab: report("lab", [row("b", "absent")]),
    },
  );
  return { ...since, opened: unapproved(since).map(({ id }) => id), widened: since.views[0]?.widened ?? [] };
}

const idOf = (day: number) => `c202606${String(day).padStart(2, "0")}-000000-000000`;
const CLOSED = [row("a", "denied"), row("b", "absent")];
const OPEN = [row("a", "reachable"), row("b", "absent")];
const until = (day: string): IntendedFile["target"] => [
  { observation: "a", why: "the build needs it", until: `2026-06-${day}` },
];

test("a widening is a regression in every cycle until it is approved, and is one again when the approval has ended", () => {
  expect(cycle({ day: 1, rows: CLOSED })).toMatchObject({ since: null, opened: [] });
  expect(cycle({ day: 2, rows: OPEN })).toMatchObject({ since: idOf(1), opened: ["a"], why: "the latest before it" });
  const third = cycle({ day: 3, rows: OPEN });
  expect(third).toMatchObject({ since: idOf(1), opened: ["a"] });
  expect(third.why).toBe(
    `the last before something opened that nobody approved, or no longer: a (target), open in ${idOf(2)}`,
  );
  const fourth = cycle({ day: 4, rows: OPEN, intended: until("10") });
  expect(fourth).toMatchObject({ since: idOf(1), opened: [] });
  expect(fourth.widened).toMatchObject([{ id: "a", approved: { until: "2026-06-10" } }]);
  expect(cycle({ day: 5, rows: OPEN, intended: until("10") })).toMatchObject({ since: idOf(4), widened: [] });
  const ended = cycle({ day: 11, rows: OPEN, intended: until("10") });
  expect(ended).toMatchObject({ since: idOf(1), opened: ["a"] });
  expect(ended.why).toContain("a (target, its approval has ended)");
  expect(cycle({ day: 12, rows: OPEN, intended: until("20") })).toMatchObject({ since: idOf(1), opened: [] });
});

test("an approval that is taken out of the file before its day ends there and then", () => {
  cycle({ day: 1, rows: CLOSED });
  cycle({ day: 2, rows: OPEN, intended: until("10") });
  expect(cycle({ day: 3, rows: OPEN })).toMatchObject({ since: idOf(1), opened: ["a"] });
});

test("what closed again is no regression, and opens the next time as one", () => {
  cycle({ day: 1, rows: CLOSED });
  cycle({ day: 2, rows: OPEN });
  expect(cycle({ day: 3, rows: CLOSED })).toMatchObject({ since: idOf(1), opened: [] });
  expect(cycle({ day: 4, rows: OPEN })).toMatchObject({ since: idOf(3), opened: ["a"] });
});

test("what was open in the first cycle and is closed since may not open again unasked", () => {
  cycle({ day: 1, rows: OPEN });
  expect(cycle({ day: 2, rows: CLOSED })).toMatchObject({ opened: [] });
  expect(cycle({ day: 3, rows: OPEN })).toMatchObject({ since: idOf(2), opened: ["a"] });
});

test("closed, then not measured, then open is a widening: what a cycle could not say is as it was last said", () => {
  cycle({ day: 1, rows: CLOSED });
  const blind = cycle({ day: 2, rows: [row("a", "not-measured"), row("b", "absent")] });
  expect(blind).toMatchObject({ opened: [] });
  expect(blind.views[0]?.unknown).toMatchObject([{ id: "a" }]);
  cycle({ day: 3, rows: [row("a", "not-measured"), row("b", "absent")] });
  expect(cycle({ day: 4, rows: OPEN })).toMatchObject({ since: idOf(3), opened: ["a"] });
});

test("an instance that was not there when its check last ran may not open behind a check that did not run", () => {
  cycle({ day: 1, rows: [row("s:x", "absent")] });
  cycle({ day: 2, rows: [row("s", "not-measured")], unasked: true });
  expect(cycle({ day: 3, rows: [row("s:y", "reachable")] })).toMatchObject({ opened: ["s:y"] });
});

test("an approved widening that opens further is a regression by what it gained", () => {
  cycle({ day: 1, rows: CLOSED });
  const reading: IntendedFile["target"] = [
    { observation: "a", why: "the build reads it", until: "2026-06-20", access: ["read"] },
  ];
  expect(cycle({ day: 2, rows: OPEN, intended: reading })).toMatchObject({ opened: [] });
  const wider = [row("a", "reachable", { access: ["read", "write"] }), row("b", "absent")];
  expect(cycle({ day: 3, rows: wider, intended: reading })).toMatchObject({ since: idOf(2), opened: ["a"] });
  expect(cycle({ day: 4, rows: wider, intended: reading })).toMatchObject({ since: idOf(2), opened: ["a"] });
});

test("deleting what it was held against approves nothing", () => {
  cycle({ day: 1, rows: CLOSED });
  cycle({ day: 2, rows: OPEN });
  rmSync(baselinePath(state, idOf(1)));
  const third = cycle({ day: 3, rows: OPEN });
  expect(third).toMatchObject({ since: idOf(2), opened: ["a"] });
  expect(third.why).toBe(
    `${idOf(1)}, that it was held against, is no longer kept; what opened since then still counts`,
  );
  expect(third.widened).toMatchObject([{ id: "a", before: "denied", after: "reachable (read)" }]);
  expect(cycle({ day: 4, rows: CLOSED })).toMatchObject({ opened: [] });
});

test("another stack's cycles do not count", () => {
  cycle({ day: 1, rows: CLOSED }, "other");
  expect(cycle({ day: 2, rows: OPEN })).toMatchObject({ since: null });
});

test("a clock that was set back does not make a cycle the first", () => {
  cycle({ day: 9, rows: CLOSED });
  expect(cycle({ day: 2, rows: OPEN })).toMatchObject({ since: idOf(9), opened: ["a"] });
});

test("two stacks of one name are told apart by where they lie, and what they say is compared all the same", () => {
  cycle({ day: 1, rows: CLOSED });
  const second = cycle({ day: 2, rows: OPEN, directories: "there" });
  expect(second.why).toMatch(/lay elsewhere: if it is another stack, give it another name/);
  expect(second.opened).toEqual(["a"]);
  expect(second.widened[0]?.causes).toEqual([]);
});
