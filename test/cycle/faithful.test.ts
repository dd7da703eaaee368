import { expect, test } from "vitest";
import { faithful } from "../../src/cycle/faithful.ts";
import type { View } from "../../src/cycle/measure.ts";
import type { Observation } from "../../src/guest/observation.ts";

/** What a room of ours may claim about the real one, row by row. */
const row = (id: string, category: Observation["category"], verdict: Observation["verdict"]): Observation => ({
  id,
  category,
  verdict,
  subject: id,
  access: verdict === "reachable" ? ["read"] : [],
  from: "target",
  detail: "seen",
  ...(verdict === "denied" ? { control: "control:file-read" } : {}),
});

function seen(
  rows: Observation[],
  plan: { narrower: { of: string; why: string }[]; wider?: { of: string; why: string }[] },
  network: "none" | "has-network",
) {
  const checks = rows.map(({ id, category }) => ({
    check: id,
    category,
    from: "target" as const,
    status: "ran" as const,
    reason: "",
  }));
  const report = {
    version: 1 as const,
    from: "target" as const,
    boundary: "namespaces" as const,
    runtime: "",
    durationMs: 1,
    observations: rows,
    checks,
  };
  const view: View = { report, observations: rows, checks };
  const whole = { narrower: plan.narrower, wider: plan.wider ?? [] } as Parameters<typeof faithful>[0]["plan"];
  return faithful({ network, plan: whole }, view);
}

test("in a room that is like theirs, every row stands", () => {
  const rows = [row("a", "process", "denied"), row("b", "network", "absent"), row("c", "filesystem", "reachable")];
  expect(seen(rows, { narrower: [] }, "none").observations).toEqual(rows);
});

test("in a narrower room a refusal or an absence is ours alone, and what is open is open in theirs too", () => {
  const rows = [row("a", "process", "denied"), row("b", "process", "absent"), row("c", "process", "reachable")];
  const { observations, report } = seen(rows, { narrower: [{ of: "process", why: "of a reason" }] }, "none");
  expect(observations.map(({ verdict }) => verdict)).toEqual(["not-measured", "not-measured", "reachable"]);
  expect(observations[0]).toMatchObject({ detail: "seen; but of a reason", access: [] });
  expect(observations[0]).not.toHaveProperty("control");
  expect(report.observations).toEqual(observations);
});

test("one check may be narrower, with its every instance, and no other", () => {
  const rows = [
    row("limit:pids", "process", "denied"),
    row("limit", "process", "denied"),
    row("limits", "process", "denied"),
  ];
  const { observations } = seen(rows, { narrower: [{ of: "limit", why: "ours" }] }, "none");
  expect(observations.map(({ verdict }) => verdict)).toEqual(["not-measured", "not-measured", "denied"]);
});

test("without their network nothing of the network is known, and its checks say that they did not run", () => {
  const { observations, checks } = seen([row("n", "network", "reachable")], { narrower: [] }, "has-network");
  expect(observations[0]).toMatchObject({ verdict: "not-measured", access: [] });
  expect(checks[0]).toMatchObject({ status: "skipped" });
  expect(checks[0]?.reason).not.toBe("");
});
