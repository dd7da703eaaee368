import { expect, test } from "vitest";
import { type Outcome, summed } from "../../src/cycle/selfTest.ts";
import { withoutUnproved } from "../../src/cycle/unproved.ts";
import type { Observation, ProbeReport } from "../../src/guest/observation.ts";

const fired: Outcome = { twin: { name: "docker-socket", category: "cross-boundary" }, status: "fired", besides: "" };
const silent: Outcome = {
  twin: { name: "secret-variable", category: "secrets" },
  status: "silent",
  missing: ["env-secret:BUILD_TOKEN"],
};
const unmade: Outcome = { twin: { name: "cap-bpf", category: "process" }, status: "not-run", reason: "no room" };

test("twins that fired are one row of the preflight, and no line of the coverage", () => {
  expect(summed([fired], 40, [])).toMatchObject({
    rows: [{ what: "self-test: 1 of 40 twins fired", status: "held", detail: "docker-socket" }],
    checks: [],
  });
});

test("a twin that stays silent refutes the row, leaves a line, and its check proves nothing", () => {
  const { rows, checks, unproved } = summed([fired, silent], 40, []);
  expect(rows[0]).toMatchObject({ status: "refuted", detail: "docker-socket, secret-variable (silent)" });
  expect(checks).toMatchObject([{ check: "self-test: secret-variable", status: "failed" }]);
  expect([...unproved.keys()]).toEqual(["env-secret"]);
});

test("a twin that could not be made says nothing of any check, and is not passed over", () => {
  const { rows, checks, unproved } = summed([unmade], 40, []);
  expect(rows).toEqual([]);
  expect(checks).toMatchObject([{ check: "self-test: cap-bpf", status: "skipped", reason: "no room" }]);
  expect(unproved.size).toBe(0);
});

test("rows from inside of a check that did not prove itself become not-measured; those from outside and of others stay", () => {
  const row = (id: string, from: Observation["from"]): Observation => ({
    id,
    category: "secrets",
    subject: id,
    verdict: "denied",
    access: [],
    from,
    control: "control:file-read",
    detail: "",
  });
  const rows = [row("env-secret:A", "target"), row("env-secret:A", "outside"), row("mount:/", "target")];
  const line = { check: "env-secret", category: "secrets", from: "target", status: "ran", reason: "" } as const;
  const report: ProbeReport = {
    version: 1,
    from: "target",
    boundary: "seccomp",
    runtime: "unknown",
    durationMs: 1,
    observations: rows,
    checks: [line],
  };
  const view = { report, observations: rows, checks: [line] };
  const after = withoutUnproved(view, new Map([["env-secret", "it did not open"]]));
  expect(after.observations.map(({ verdict }) => verdict)).toEqual(["not-measured", "denied", "denied"]);
  expect(after.observations[0]).not.toHaveProperty("control");
  expect(after.checks).toMatchObject([{ status: "degraded" }]);
  expect(withoutUnproved(view, new Map())).toBe(view);
});
