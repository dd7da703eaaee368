import { CATEGORIES, type Category, type CheckRun, checkOf, type Observation } from "../guest/observation.ts";
import { type Intended, intendedBy } from "./intended.ts";

/**
 * What a sandbox lets through, counted by category: how many exposures were observed, how many of them the team said
 * are intended, and which are unexplained. A category that no check looked at says so instead of reading zero.
 */
export type Boundary =
  | ({ status: "looked"; category: Category } & Counted)
  | { status: "not-looked"; category: Category; reason: string };

type Counted = { intended: number; observed: number; unexplained: number; unexplainedObservations: Observation[] };

/** Checks that describe and do not accuse: who and what the sandbox is, and what every container of its kind has. */
const DESCRIPTIVE: ReadonlySet<string> = new Set([
  "control",
  "own",
  "mount",
  "runtime-name",
  "runtime-default",
  "user-identity",
  "lsm",
  "visible-process",
  "program",
  "write-and-execute",
  "executable-memory",
  "proxy-environment",
  "path-access",
  "tool-path",
  "place-canary",
  "write-persists",
  "child-process",
]);

/** Single rows of the same kind. */
const DESCRIPTIVE_ROWS: ReadonlySet<string> = new Set([
  "network-interface:lo",
  "mount-propagation:slave",
  // What it is for.
  "memory-canary:workspace",
]);

/** Is something open here that need not be? Two views that disagree count: one of them is wrong. */
export function isExposure(observation: Observation): boolean {
  if (observation.verdict === "contradictory") return true;
  if (DESCRIPTIVE.has(checkOf(observation.id)) || DESCRIPTIVE_ROWS.has(observation.id)) return false;
  switch (observation.verdict) {
    case "reachable":
    case "decoy-reached":
      return true;
    case "denied":
    case "absent":
    case "not-measured":
      return false;
  }
}

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
