import { expect, test } from "vitest";
import type { Observation } from "../../../src/guest/observation.ts";
import { fulfils } from "../../../src/guest/research/condition.ts";
import { scripted } from "../../../src/guest/research/scripted.ts";
import { row, weakness } from "./study.ts";

test.each([
  ["the check, verdict and vantage it asks for", {}, {}, true],
  ["another check", { check: "files" }, {}, false],
  ["another verdict", {}, { verdict: "denied" }, false],
  ["a row that was not measured", {}, { verdict: "not-measured" }, false],
  ["another vantage", {}, { from: "lab" }, false],
  ["all accesses it asks for", { access: ["read", "write"] }, { access: ["write", "list", "read"] }, true],
  ["one access too few", { access: ["read", "write"] }, { access: ["read"] }, false],
  ["a path it applies to", { within: ["/etc"] }, { id: "file:/etc/x" }, true],
  ["the very path", { within: ["/etc"] }, { id: "file:/etc" }, true],
  ["a path beside it", { within: ["/etc"] }, { id: "file:/etcetera" }, false],
  ["an id with more colons", { within: ["/a:b"] }, { id: "file:/a:b/c" }, true],
  ["nowhere", { within: [] }, { id: "file:/etc" }, false],
] as const)("a condition and %s", (_, when, over, expected) => {
  const condition = JSON.parse(JSON.stringify(when)) as Parameters<typeof weakness>[0];
  const observation = row("file:/x", JSON.parse(JSON.stringify(over)) as Partial<Observation>);
  expect(fulfils(weakness(condition).when, observation)).toBe(expected);
});

test("each weakness is proposed once, with every observation that bears it out, each named once", () => {
  const observations = [row("file:/a"), row("other:/a"), row("file:/b"), row("file:/a", { detail: "again" })];
  const weaknesses = [weakness({}, "w-1"), weakness({ check: "none" }, "w-2"), weakness({ check: "other" }, "w-3")];
  expect(scripted({ observations, weaknesses })).toEqual([
    { weakness: "w-1", observations: ["file:/a", "file:/b"], note: "", cites: [] },
    { weakness: "w-3", observations: ["other:/a"], note: "", cites: [] },
  ]);
});

test("nothing observed is nothing proposed", () => {
  expect(scripted({ observations: [], weaknesses: [weakness()] })).toEqual([]);
  expect(scripted({ observations: [row("file:/a")], weaknesses: [] })).toEqual([]);
});

test("more observations than one candidate may cite become several candidates, and none is lost", () => {
  const observations = Array.from({ length: 401 }, (_, i) => row(`file:/${i}`));
  const candidates = scripted({ observations, weaknesses: [weakness()] });
  expect(candidates.map((candidate) => candidate.observations.length)).toEqual([200, 200, 1]);
  expect(candidates.flatMap((candidate) => candidate.observations)).toEqual(observations.map(({ id }) => id));
});
