import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Observation } from "../../src/guest/observation.ts";
import { causesOf, driftBetween, unapproved } from "../../src/probe/drift.ts";
import { NOTHING_INTENDED } from "../../src/probe/intended.ts";
import {
  baselineBefore,
  baselineFrom,
  baselinePath,
  type KeptBaseline,
  keepBaseline,
  keptIn,
} from "../../src/probe/keptBaseline.ts";
import { report, row } from "./sample.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
let state = "";
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "wd-drift-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

function baseline(cycle: string, target: Observation[], more: Partial<KeptBaseline> = {}): KeptBaseline {
  return {
    kind: "weakdoor-baseline",
    version: 1,
    stack: "demo",
    cycle,
    takenAt: NOW.toISOString(),
    circumstances: { kernel: "6.1", image: "abc" },
    target: report("target", target),
    lab: report("lab", [row("a", "absent")]),
    ...more,
  };
}

const CLOSED = baseline("c20260101-000000-000000", [row("a", "absent")]);
const OPEN = baseline("c20260102-000000-000000", [row("a", "reachable")], {
  circumstances: { kernel: "6.2", image: "abc", model: "m" },
});

test("what opened is told with everything recorded that changed beside it", () => {
  const drift = driftBetween(CLOSED, OPEN, NOTHING_INTENDED, NOW);
  expect(drift.causes).toEqual([
    { what: "kernel", before: "6.1", after: "6.2" },
    { what: "model", before: undefined, after: "m" },
  ]);
  expect(drift.views[0]?.widened).toMatchObject([{ id: "a", before: "absent", after: "reachable (read)" }]);
  expect(drift.views[1]).toMatchObject({ from: "lab", widened: [], unchanged: 1 });
  expect(unapproved(drift).map(({ id }) => id)).toEqual(["a"]);
});

test("nothing recorded differs: then no cause is named", () => {
  expect(causesOf({ a: "1" }, { a: "1" })).toEqual([]);
});

test.each([
  ["with a reason and a last day", { observation: "a", why: "w", until: "2026-06-30" }, true],
  ["with a last day that has passed", { observation: "a", why: "w", until: "2026-05-31" }, false],
  ["for ever", { observation: "a", why: "w" }, false],
  [
    "for less than what opened",
    { observation: "a", why: "w", until: "2026-06-30", access: ["list" as const] },
    false,
  ],
])("a widening that is intended %s is approved: %s", (_, entry, isApproved) => {
  const drift = driftBetween(CLOSED, OPEN, { target: [entry], lab: [] }, NOW);
  expect(unapproved(drift).length === 0).toBe(isApproved);
});

test("what is intended of the lab approves nothing in the target", () => {
  const lab = [{ observation: "a", why: "w", until: "2026-06-30" }];
  expect(unapproved(driftBetween(CLOSED, OPEN, { target: [], lab }, NOW))).toHaveLength(1);
});

test("the baseline before a cycle is the last earlier one of the same stack", () => {
  expect(baselineBefore(state, { stack: "demo", cycle: "c20260103-000000-000000" })).toBeUndefined();
  keepBaseline(state, CLOSED);
  keepBaseline(state, { ...OPEN, stack: "other" });
  expect(baselineBefore(state, { stack: "demo", cycle: "c20260103-000000-000000" })).toEqual(CLOSED);
  expect(baselineBefore(state, { stack: "demo", cycle: CLOSED.cycle })).toBeUndefined();
  expect(keptIn(state)).toEqual([CLOSED.cycle, OPEN.cycle]);
});

test.each([
  ["cut off", '{"kind":"weakdoor-baseline"'],
  ["of another version", JSON.stringify({ ...CLOSED, version: 2 })],
  ["of another kind", JSON.stringify({ ...CLOSED, kind: "x" })],
  ["with a key more", JSON.stringify({ ...CLOSED, more: 1 })],
])("a baseline that is %s is refused, and is no missing baseline", (_, text) => {
  expect(() => baselineFrom(text, "x")).toThrow(expect.objectContaining({ name: "OperatorError" }));
  keepBaseline(state, CLOSED);
  writeFileSync(baselinePath(state, CLOSED.cycle), text);
  expect(() => baselineBefore(state, { stack: "demo", cycle: "c20260103-000000-000000" })).toThrow(
    baselinePath(state, CLOSED.cycle),
  );
});

test("a cycle's name leads nowhere out of the directory", () => {
  expect(baselinePath(state, "../../etc/passwd")).toBe(join(state, "baselines/passwd.json"));
});
