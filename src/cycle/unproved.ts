import { type CheckRun, checkOf, type Observation } from "../guest/observation.ts";
import type { View } from "./measure.ts";

/**
 * Pure. What a check said that did not open in a sandbox made weak on purpose is worth nothing either way: its rows from
 * inside become not-measured, and its line says why. `unproved`: the reason by check.
 */
export function withoutUnproved(view: View, unproved: ReadonlyMap<string, string>): View {
  if (unproved.size === 0) return view;
  const row = (observation: Observation): Observation => {
    const why = observation.from === view.report.from ? unproved.get(checkOf(observation.id)) : undefined;
    if (why === undefined) return observation;
    const { control: _, ...rest } = observation;
    return { ...rest, verdict: "not-measured", access: [], detail: `the check did not prove itself: ${why}` };
  };
  const line = (run: CheckRun): CheckRun => {
    const why = run.from === view.report.from ? unproved.get(run.check) : undefined;
    if (why === undefined) return run;
    return { ...run, status: "degraded", reason: `the check did not prove itself: ${why}`.slice(0, 400) };
  };
  return {
    report: { ...view.report, observations: view.report.observations.map(row), checks: view.report.checks.map(line) },
    observations: view.observations.map(row),
    checks: view.checks.map(line),
  };
}
