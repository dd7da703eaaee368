import { isExposure } from "../guest/exposure.ts";
import { CATEGORIES, type Category, type CheckRun, type Observation } from "../guest/observation.ts";
import { type Intended, intendedBy } from "./intended.ts";

/**
 * What a sandbox lets through, counted by category: how many exposures were observed, how many of them the team said
 * are intended, and which are unexplained. A category that no check looked at says so instead of reading zero.
 */
export type Boundary =
  | ({ status: "looked"; category: Category } & Counted)
  | { status: "not-looked"; category: Category; reason: string };

type Counted = { intended: number; observed: number; unexplained: number; unexplainedObservations: Observation[] };

export function boundaryOf(
  observations: readonly Observation[],
  checks: readonly CheckRun[],
  intended: readonly Intended[],
  now: Date,
): Boundary[] {
  return CATEGORIES.map((category) => {
    const ran = checks.filter((check) => check.category === category);
    const looked = ran.filter((check) => check.status === "ran" || check.status === "degraded");
    if (looked.length === 0) {
      const reason = ran.length === 0 ? "no check of this category was planned" : `${ran.length} planned, none ran`;
      return { status: "not-looked", category, reason };
    }
    const exposures = observations.filter((row) => row.category === category && isExposure(row));
    const unexplainedObservations = exposures.filter((row) => intendedBy(row, intended, now) === undefined);
    return {
      status: "looked",
      category,
      intended: exposures.length - unexplainedObservations.length,
      observed: exposures.length,
      unexplained: unexplainedObservations.length,
      unexplainedObservations,
    };
  });
}
