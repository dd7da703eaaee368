import { type CheckRun, checkOf, type Observation } from "../guest/observation.ts";
import type { View } from "./measure.ts";
import type { Target } from "./target.ts";

/**
 * What the rebuilt target can say of the agent's real sandbox. Where ours is narrower than theirs, what is open in ours is
 * open in theirs too, but a refusal is only ours; where it is wider, it is the other way round. What is only ours reads
 * not-measured, with the reason, and never as a denial or as a hole.
 */
export function faithful({ network, plan }: Pick<Target, "network" | "plan">, view: View): View {
  const narrower = new Map(plan.narrower.map(({ of, why }) => [of, why]));
  const wider = new Map(plan.wider.map(({ of, why }) => [of, why]));
  const hidden = network === "none" ? undefined : HAS_NETWORK;
  const observations = view.observations.map((row) => {
    if (hidden !== undefined && row.category === "network") return notMeasured(row, hidden);
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

const HAS_NETWORK = "the agent's sandbox has a network; this release rebuilds it without one";

function notMeasured(row: Observation, detail: string): Observation {
  const { control: _, ...rest } = row;
  return { ...rest, verdict: "not-measured", access: [], detail: detail.slice(0, 600) };
}
