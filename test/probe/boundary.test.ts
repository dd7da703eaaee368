import { expect, test } from "vitest";
import { isExposure } from "../../src/guest/exposure.ts";
import { boundaryOf } from "../../src/probe/boundary.ts";
import { isNamedBy } from "../../src/probe/intended.ts";
import { report, row } from "./sample.ts";

const NOW = new Date("2026-06-01T12:00:00Z");

test.each([
  ["engine-socket:/x", "reachable", true],
  ["engine-socket:/x", "decoy-reached", true],
  ["engine-socket:/x", "contradictory", true],
  ["engine-socket:/x", "denied", false],
  ["engine-socket:/x", "absent", false],
  ["engine-socket:/x", "not-measured", false],
  ["user-identity", "reachable", false],
  ["user-identity", "contradictory", true],
  ["control:connect", "reachable", false],
  ["own:host-mount:/x", "reachable", false],
  ["mount:/x", "reachable", false],
] as const)("%s, %s: an exposure is %s", (id, verdict, expected) => {
  expect(isExposure(row(id, verdict))).toBe(expected);
});

test.each([
  ["a", "a", true],
  ["a", "a:x", false],
  ["a:x", "a:x", true],
  ["a:x", "a:xy", false],
  ["a:*", "a:x", true],
  ["a:*", "a", true],
  ["a:*", "ab:x", false],
])("the pattern %s names %s: %s", (pattern, id, expected) => {
  expect(isNamedBy(pattern, id)).toBe(expected);
});

test("observed is intended and unexplained together, and the unexplained are handed on", () => {
  const { observations, checks } = report("target", [
    row("a:x", "reachable"),
    row("a:y", "reachable"),
    row("b", "absent"),
  ]);
  const [filesystem] = boundaryOf(observations, checks, [{ observation: "a:x", why: "w" }], NOW);
  expect(filesystem).toMatchObject({ status: "looked", intended: 1, observed: 2, unexplained: 1 });
  expect(filesystem?.status === "looked" && filesystem.unexplainedObservations.map(({ id }) => id)).toEqual(["a:y"]);
});

test("a category that nobody looked at says so and does not read zero", () => {
  const { observations, checks } = report("target", [row("a", "absent")]);
  const tools = boundaryOf(observations, checks, [], NOW).find((part) => part.category === "tool-plane");
  expect(tools).toMatchObject({ status: "not-looked" });
});

test("a contradiction stays unexplained whatever is intended", () => {
  const { observations, checks } = report("target", [row("a", "contradictory")]);
  expect(boundaryOf(observations, checks, [{ observation: "a:*", why: "w" }], NOW)[0]).toMatchObject({
    intended: 0,
    unexplained: 1,
  });
});
