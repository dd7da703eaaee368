import type { Observation, ProbeReport } from "../../src/guest/observation.ts";

/** A row as a probe in the target would tell it. */
export function observed(id: string, verdict: Observation["verdict"], more: Partial<Observation> = {}): Observation {
  return {
    id,
    category: "network",
    subject: id,
    verdict,
    access: verdict === "reachable" ? ["connect"] : [],
    from: "target",
    ...(verdict === "denied" ? { control: "control:connect" } : {}),
    detail: "as seen inside",
    ...more,
  };
}

export function reportOf(...observations: Observation[]): ProbeReport {
  return {
    version: 1,
    from: "target",
    boundary: "namespaces",
    runtime: "",
    durationMs: 1,
    observations,
    checks: [],
  };
}
