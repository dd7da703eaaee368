import type { ProbeReport, Vantage } from "../guest/observation.ts";
import { CHECKS } from "../guest/probe/all.ts";
import { controlCheck } from "../guest/probe/control.ts";

/**
 * The report of a probe that gave none: it was killed for want of memory, or did not end in its time. Every check is named, and says
 * that it was not asked and why; a report without rows could be taken for a sandbox without doors.
 */
export function unmeasured(from: Vantage, reason: string): ProbeReport {
  const checks = [controlCheck, ...CHECKS];
  const detail = reason.slice(0, 400);
  return {
    version: 1,
    from,
    boundary: "unknown",
    runtime: "unknown",
    durationMs: 0,
    observations: checks.map(({ id, category }) => ({
      id,
      category,
      subject: id,
      verdict: "not-measured",
      access: [],
      from,
      detail,
    })),
    checks: checks.map(({ id, category }) => ({ check: id, category, from, status: "failed", reason: detail })),
  };
}
