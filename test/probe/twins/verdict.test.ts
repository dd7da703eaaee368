import { expect, test } from "vitest";
import type { Observation, ProbeReport } from "../../../src/guest/observation.ts";
import { TWINS } from "../../../src/probe/twins/all.ts";
import { pick } from "../../../src/probe/twins/pick.ts";
import { verdictOf } from "../../../src/probe/twins/verdict.ts";

const row = (id: string, verdict: Observation["verdict"]): Observation => ({
  id,
  category: "process",
  subject: id,
  verdict,
  access: verdict === "reachable" ? ["configure"] : [],
  from: "target",
  detail: "",
});
const report = (...observations: Observation[]): ProbeReport => ({
  version: 1,
  from: "target",
  boundary: "seccomp",
  runtime: "unknown",
  durationMs: 1,
  observations,
  checks: [{ check: "capability", category: "process", from: "target", status: "ran", reason: "" }],
});
const closed = report(row("capability:A", "absent"), row("capability:B", "absent"), row("mount:/x", "absent"));
const twin = { flips: ["capability:A"] };

test("a twin that opens its own row and nothing else fired", () => {
  const weak = report(row("capability:A", "reachable"), row("capability:B", "absent"), row("mount:/x", "absent"));
  expect(verdictOf(twin, closed, weak, [])).toEqual({ status: "fired", flipped: ["capability:A"] });
});

test("a twin whose row stays closed, or only says that it could not ask, is silent", () => {
  expect(verdictOf(twin, closed, closed, [])).toEqual({ status: "silent", missing: ["capability:A"] });
  const blind = report(row("capability:A", "not-measured"));
  expect(verdictOf(twin, closed, blind, [])).toEqual({ status: "silent", missing: ["capability:A"] });
});

test("whatever else changes, in any direction, is named, unless it was declared or only lists the twin's mounts", () => {
  const weak = report(
    row("capability:A", "reachable"),
    row("capability:B", "not-measured"),
    row("mount:/x", "reachable"),
  );
  expect(verdictOf(twin, closed, weak, [])).toEqual({
    status: "spilled",
    others: ["mount:/x (absent, now reachable (configure))", "capability:B (absent, now not-measured)"],
  });
  const declared = { ...twin, alongside: { "capability:B": "for a reason" } };
  expect(verdictOf(declared, closed, weak, ["mount:/x"]).status).toBe("fired");
});

test("a sibling that is open itself is no sibling, but for what it was given", () => {
  const open = report(row("capability:A", "absent"), row("capability:B", "reachable"));
  const weak = report(row("capability:A", "reachable"), row("capability:B", "reachable"));
  expect(verdictOf(twin, open, weak, [])).toEqual({ status: "loud", exposures: ["capability:B"] });
  expect(verdictOf({ ...twin, open: ["capability:B"] }, open, weak, []).status).toBe("fired");
});

test("the same seed draws the same three, and over many seeds every twin is drawn", () => {
  const drawn = (seed: string) => pick(TWINS, 3, seed).map(({ name }) => name);
  expect(drawn("c1")).toEqual(drawn("c1"));
  expect(new Set(drawn("c1")).size).toBe(3);
  const seen = new Set(Array.from({ length: 2_000 }, (_, n) => drawn(`c${n}`)).flat());
  expect(seen.size).toBe(TWINS.length);
});

test("every twin has a name of its own, says what is weak, and flips something", () => {
  expect(new Set(TWINS.map(({ name }) => name)).size).toBe(TWINS.length);
  expect(
    TWINS.filter(({ name, weak, flips }) => !/^[a-z0-9-]+$/.test(name) || weak === "" || flips.length === 0),
  ).toEqual([]);
  expect(TWINS.length).toBeGreaterThanOrEqual(40);
});
