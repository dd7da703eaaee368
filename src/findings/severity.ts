import type { Observation } from "../guest/observation.ts";
import { SEVERITIES, type Severity, type Weakness } from "../sources/weaknesses/weakness.ts";

/**
 * How much a finding matters, rule by rule: the catalogue says how bad the weakness is in general, the measurement says
 * whether this case is worse. A model has no part in it. There is no rule that lowers a severity because the clone ran
 * in a stronger sandbox than the stack's own: that one is ours and not theirs.
 */
export function severityOf(
  weakness: Weakness,
  observations: readonly Observation[],
): { severity: Severity; reasons: string[] } {
  let severity = weakness.severity;
  const reasons = [`${weakness.severity}: the catalogue's severity for ${weakness.id}`];

  const beyond = writesBeyond(weakness, observations);
  if (beyond.length > 0) {
    const raised = SEVERITIES[Math.min(SEVERITIES.indexOf(severity) + 1, SEVERITIES.length - 1)] ?? severity;
    reasons.push(`${raised}: ${beyond.join(" and ")} was shown as well, which the weakness does not need`);
    severity = raised;
  }
  if (severity === "critical" && observations.every((o) => o.from === "audit")) {
    severity = "high";
    reasons.push("high: a file says so and no measurement showed it, so it is not critical");
  }
  if (observations.some((o) => o.verdict === "decoy-reached"))
    reasons.push(`${severity}: our stand-in answered from the very place, so the way is open`);
  return { severity, reasons };
}

const ALTERING = ["write", "create", "configure"] as const;

/** Accesses that alter what is outside, shown on top of a weakness that is about looking. */
function writesBeyond(weakness: Weakness, observations: readonly Observation[]): string[] {
  const needed = weakness.when.access ?? [];
  if (!needed.includes("read")) return [];
  return ALTERING.filter((access) => !needed.includes(access) && observations.some((o) => o.access.includes(access)));
}
