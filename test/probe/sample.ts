import type { CheckRun, Observation, ProbeReport, Vantage } from "../../src/guest/observation.ts";

/** A row with the least it needs. */
export function row(id: string, verdict: Observation["verdict"], more: Partial<Observation> = {}): Observation {
  const isOpen = verdict === "reachable" || verdict === "decoy-reached";
  return {
    id,
    category: "filesystem",
    subject: id,
    verdict,
    access: isOpen ? ["read"] : [],
    from: "target",
    detail: "made for a test",
    ...more,
  };
}

/** A report of these rows, whose checks all ran. */
export function report(from: Vantage, rows: Observation[], more: Partial<ProbeReport> = {}): ProbeReport {
  const names = [...new Set(rows.map(({ id }) => id.split(":")[0] ?? id))];
  const checks = names.map((check): CheckRun => ({ check, category: "filesystem", from, status: "ran", reason: "" }));
  const observations = rows.map((observation) => ({ ...observation, from }));
  return { version: 1, from, boundary: "seccomp", runtime: "x", durationMs: 1, observations, checks, ...more };
}
