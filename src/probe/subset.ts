import { CATEGORIES, type Category, checkOf, type Observation, type ProbeReport } from "../guest/observation.ts";
import { isNamedBy } from "./intended.ts";

/** One row in which the lab can do more than the target. */
export type Excess = { id: string; category: Category; lab: string; target: string };

export type Subset =
  | { status: "held"; compared: number; excepted: string[]; unmeasured: string[]; degraded: string[] }
  | { status: "refuted"; rows: Excess[] }
  | { status: "not_run"; reason: string };

/**
 * Is what the lab can reach within what the target can, in every category? The gateway's own doors are excepted by
 * name (ids, or `check:*`).
 *
 * Like is compared with like: a row that the target's probe could not measure is no licence for the lab, and neither is
 * one it never asked. `unmeasured` names the lab's rows that could not be asked and that the target does not reach:
 * about them nothing is claimed; `degraded` names the checks that met a bound. When a whole check of the lab did not run,
 * nothing was shown and the answer is not_run.
 */
export function labWithinTarget(lab: ProbeReport, target: ProbeReport, excepted: readonly string[]): Subset {
  if (lab.from !== "lab" || target.from !== "target") {
    return { status: "not_run", reason: `a lab and a target are compared, these are ${lab.from} and ${target.from}` };
  }
  const missing = uncovered(lab, target);
  const ofTarget = new Map(target.observations.map((row) => [row.id, row]));
  const isExcepted = (id: string) => excepted.some((pattern) => isNamedBy(pattern, id));
  const open = lab.observations.filter(isOpen);
  const rows = open
    .filter((row) => !isExcepted(row.id))
    .map((row) => excessOf(row, ofTarget.get(row.id)))
    .filter((row) => row !== undefined);
  const unrun = unrunIn(target);
  if (rows.length > 0 && rows.every(({ id }) => unrun.has(checkOf(id)))) {
    const checks = [...new Set(rows.map(({ id }) => checkOf(id)))];
    return { status: "not_run", reason: `the target was not measured by ${checks.join(", ")}` };
  }
  if (rows.length > 0) return { status: "refuted", rows };
  if (missing.length > 0) return { status: "not_run", reason: `the lab was not measured by ${missing.join(", ")}` };
  const used = open.filter((row) => isExcepted(row.id)).map((row) => row.id);
  const degraded = lab.checks.filter((check) => check.status === "degraded").map((check) => check.check);
  return {
    status: "held",
    compared: lab.observations.length,
    excepted: used,
    unmeasured: unmeasured(lab, ofTarget),
    degraded,
  };
}

/** Rows that say what a sandbox is, and the machinery that measures: neither is a right that the lab could have too much of. */
const NO_RIGHT: ReadonlySet<string> = new Set([
  "control",
  "own",
  "mount",
  "runtime-name",
  "visible-process",
  "program",
  "write-and-execute",
  "executable-memory",
  "proxy-environment",
]);

/** Wider than an exposure: what every container has may still be more than this target has. */
function isOpen(row: Observation): boolean {
  if (NO_RIGHT.has(checkOf(row.id)) || row.id === "mount-propagation:slave") return false;
  return row.verdict === "reachable" || row.verdict === "decoy-reached" || row.verdict === "contradictory";
}

/** What the target could do was not found out by these: it may be more than the lab can, and nobody knows. */
function unrunIn({ checks }: ProbeReport): Set<string> {
  return new Set(
    checks.filter(({ status }) => status === "failed" || status === "skipped").map(({ check }) => check),
  );
}

/** Checks that the target has and that did not run in the lab. A category with no check at all is one too. */
function uncovered(lab: ProbeReport, target: ProbeReport): string[] {
  const ran = new Set(
    lab.checks.filter((check) => check.status === "ran" || check.status === "degraded").map((check) => check.check),
  );
  const looked = new Set(lab.checks.map((check) => check.category));
  const planned = new Map(target.checks.map((check) => [check.check, check.category]));
  const checks = [...planned.keys()].filter((check) => !ran.has(check));
  const categories = CATEGORIES.filter(
    (category) => [...planned.values()].includes(category) && !looked.has(category),
  );
  return [...new Set([...checks, ...categories])];
}

function excessOf(lab: Observation, target: Observation | undefined): Excess | undefined {
  const isOpenThere = target?.verdict === "reachable" || target?.verdict === "decoy-reached";
  const reached = new Set(isOpenThere ? target.access : []);
  const isWithin =
    lab.verdict !== "contradictory" && isOpenThere && lab.access.every((access) => reached.has(access));
  if (isWithin) return undefined;
  return {
    id: lab.id,
    category: lab.category,
    lab: said(lab),
    target: target === undefined ? "not asked" : said(target),
  };
}

function unmeasured(lab: ProbeReport, ofTarget: ReadonlyMap<string, Observation>): string[] {
  return lab.observations
    .filter((row) => row.verdict === "not-measured" && checkOf(row.id) !== "control")
    .filter((row) => ofTarget.get(row.id)?.verdict !== "reachable")
    .map((row) => row.id);
}

function said(row: Observation): string {
  return row.access.length === 0 ? row.verdict : `${row.verdict} (${row.access.join(", ")})`;
}
