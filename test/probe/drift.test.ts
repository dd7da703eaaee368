import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Observation } from "../../src/guest/observation.ts";
import { causesLine, causesOf, mayCause } from "../../src/probe/causes.ts";
import { driftBetween, unapproved } from "../../src/probe/drift.ts";
import { NOTHING_INTENDED } from "../../src/probe/intended.ts";
import {
  baselineFrom,
  baselinePath,
  type KeptBaseline,
  keepBaseline,
  keptIn,
  NOTHING_REMEMBERED,
} from "../../src/probe/keptBaseline.ts";
import { standingBefore } from "../../src/probe/standing.ts";
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
    version: 2,
    stack: "demo",
    cycle,
    takenAt: NOW.toISOString(),
    circumstances: { kernel: "6.1", image: "abc" },
    target: report("target", target),
    lab: report("lab", [row("a", "absent")]),
    heldAgainst: null,
    remembered: NOTHING_REMEMBERED,
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

test.each([
  ["kernel", "process", true],
  ["kernel", "tool-plane", false],
  ["model", "filesystem", false],
  ["prompts", "tool-plane", true],
  ["egress policy", "network", true],
  ["egress policy", "process", false],
  ["agent codex", "memory", true],
  ["agent codex", "process", false],
  ["file workspace/.devcontainer/devcontainer.json", "filesystem", true],
  ["image", "process", true],
] as const)("a change of %s may have caused one of %s: %s", (what, category, may) => {
  expect(mayCause({ what }, category)).toBe(may);
});

test("each change names those of the causes that could have brought it about, and says so when there is none", () => {
  const drift = driftBetween(CLOSED, OPEN, NOTHING_INTENDED, NOW);
  expect(drift.views[0]?.widened[0]?.causes).toEqual(["kernel"]);
  expect(causesLine(["kernel"])).toBe("kernel");
  expect(causesLine([])).toBe("nothing that is recorded");
  expect(causesLine(["a", "b", "c", "d", "e", "f"])).toBe("a, b, c, d and 2 more");
});

test.each([
  ["cut off", '{"kind":"weakdoor-baseline"'],
  ["of a newer version", JSON.stringify({ ...CLOSED, version: 3, more: {} })],
  ["of no version", JSON.stringify({ ...CLOSED, version: "2" })],
  ["of another kind", JSON.stringify({ ...CLOSED, kind: "x" })],
  ["with a key more", JSON.stringify({ ...CLOSED, more: 1 })],
])("a baseline that is %s is refused, and is no missing baseline", (_, text) => {
  expect(() => baselineFrom(text, "x")).toThrow(expect.objectContaining({ name: "OperatorError" }));
  keepBaseline(state, CLOSED);
  writeFileSync(baselinePath(state, CLOSED.cycle), text);
  const asked = { stateDir: state, stack: "demo", cycle: "c20260103-000000-000000" };
  expect(() => standingBefore(asked, NOTHING_INTENDED, NOW)).toThrow(baselinePath(state, CLOSED.cycle));
});

test("a baseline of a newer version says of which, and what to do", () => {
  expect(() => baselineFrom(JSON.stringify({ ...CLOSED, version: 7 }), "x")).toThrow(
    "x: a baseline of version 7, and this weakdoor reads up to 2",
  );
});

test("a baseline of version 1 is read", () => {
  const { heldAgainst, remembered, ...old } = CLOSED;
  expect(baselineFrom(JSON.stringify({ ...old, version: 1 }), "x")).toEqual({ ...CLOSED, heldAgainst, remembered });
});

test("the kept ones are named oldest first", () => {
  keepBaseline(state, OPEN);
  keepBaseline(state, CLOSED);
  expect(keptIn(state)).toEqual([CLOSED.cycle, OPEN.cycle]);
});

test("a cycle's name leads nowhere out of the directory", () => {
  expect(baselinePath(state, "../../etc/passwd")).toBe(join(state, "baselines/passwd.json"));
});
