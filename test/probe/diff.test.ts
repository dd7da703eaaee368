import { expect, test } from "vitest";
import type { Observation } from "../../src/guest/observation.ts";
import { diffReports } from "../../src/probe/diff.ts";
import { report, row } from "./sample.ts";

const other = row("other", "absent");

function compare(before: Observation | undefined, after: Observation | undefined) {
  const side = (one: Observation | undefined) => report("target", [other, ...(one === undefined ? [] : [one])]);
  const diff = diffReports(side(before), side(after));
  return (
    (["widened", "narrowed", "moved", "unknown"] as const).filter((kind) => diff[kind].length > 0)[0] ?? "unchanged"
  );
}

test.each([
  ["absent opens", row("a", "absent"), row("a", "reachable"), "widened"],
  ["denied opens", row("a", "denied"), row("a", "reachable"), "widened"],
  ["an access is gained", row("a", "reachable"), row("a", "reachable", { access: ["read", "write"] }), "widened"],
  ["a stand-in answers where nothing was", row("a", "absent"), row("a", "decoy-reached"), "widened"],
  ["open closes", row("a", "reachable"), row("a", "denied"), "narrowed"],
  ["an access is lost", row("a", "reachable", { access: ["read", "write"] }), row("a", "reachable"), "narrowed"],
  ["one access for another", row("a", "reachable"), row("a", "reachable", { access: ["write"] }), "moved"],
  ["denied becomes absent", row("a", "denied"), row("a", "absent"), "moved"],
  ["the real thing for a stand-in", row("a", "decoy-reached"), row("a", "reachable"), "moved"],
  ["it can no longer be asked", row("a", "reachable"), row("a", "not-measured"), "unknown"],
  ["it opened while before it was not asked", row("a", "not-measured"), row("a", "reachable"), "unknown"],
  ["two views disagree now", row("a", "denied"), row("a", "contradictory"), "unknown"],
  ["never asked, both times", row("a", "not-measured"), row("a", "not-measured"), "unchanged"],
  ["another detail", row("a", "denied"), row("a", "denied", { detail: "other words" }), "unchanged"],
] as const)("%s", (_, before, after, expected) => {
  expect(compare(before, after)).toBe(expected);
});

test("a row that appears open was absent before when its check ran, and unknown when it did not", () => {
  const open = row("a:x", "reachable");
  const ran = report("target", [row("a:y", "absent")]);
  expect(diffReports(ran, report("target", [row("a:y", "absent"), open])).widened).toHaveLength(1);
  const failed = report("target", [other]);
  expect(diffReports(failed, report("target", [other, open])).unknown).toHaveLength(1);
});

test("a row that goes away because its check failed has not been narrowed", () => {
  const before = report("target", [row("a:x", "reachable")]);
  const checks = [{ check: "a", category: "filesystem", from: "target", status: "failed", reason: "threw" } as const];
  const after = report("target", [row("a", "not-measured")], { checks });
  const diff = diffReports(before, after);
  expect(diff.narrowed).toEqual([]);
  expect(diff.unknown.map((change) => change.id)).toContain("a:x");
});
