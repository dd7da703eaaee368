import { type CheckRun, checkOf, type Observation } from "../guest/observation.ts";
import type { View } from "./measure.ts";
import type { Target } from "./target.ts";

/**
 * What the rebuilt target can say of the agent's real sandbox. Where ours is narrower than theirs, what is open in ours is
 * open in theirs too, but a refusal is only ours; where it is wider, it is the other way round. What is only ours reads
 * not-measured, with the reason, and never as a denial or as a hole.
 */
export function faithful(
  { network, plan, internet }: Pick<Target, "network" | "plan"> & { internet?: Target["internet"] },
  view: View,
): View {
  const narrower = new Map(plan.narrower.map(({ of, why }) => [of, why]));
  const wider = new Map(plan.wider.map(({ of, why }) => [of, why]));
  const hidden = network === "none" || internet?.status === "standing" ? undefined : hiding(internet);
  const observations = view.observations.map((row) => {
    if (hidden !== undefined && isOfNetwork(row)) return notMeasured(row, hidden);
    const other = row.verdict === "denied" || row.verdict === "absent" ? narrower : wider;
    if (row.verdict === "not-measured" || row.verdict === "contradictory") return row;
    const why = other.get(row.category) ?? other.get(checkOf(row.id));
    return why === undefined ? row : notMeasured(row, `${row.detail}; but ${why}`);
  });
  const checks = view.checks.map(
    (check): CheckRun =>
      hidden !== undefined && check.category === "network" ? { ...check, status: "skipped", reason: hidden } : check,
  );
  const report = { ...view.report, observations: observations.filter((row) => row.from === "target"), checks };
  return { report, observations, checks };
}

/** One way in which our room is other than the real one; `of` names a whole category, or one check. */
export type Other = { of: string; why: string };

/** An engine's port is reached by the network, whatever it opens. */
function isOfNetwork({ category, id }: Observation): boolean {
  return category === "network" || checkOf(id) === "engine-endpoint";
}

function hiding(internet: Target["internet"] | undefined): string {
  const why = internet?.status === "none" ? `: ${internet.reason}` : "";
  return `the agent's sandbox has a network, and this one is without${why}`.slice(0, 400);
}

function notMeasured(row: Observation, detail: string): Observation {
  const { control: _, ...rest } = row;
  return { ...rest, verdict: "not-measured", access: [], detail: detail.slice(0, 600) };
}
