import type { ProbeReport } from "../guest/observation.ts";
import { sayOf } from "./diff.ts";
import { type Intended, type IntendedFile, intendedBy } from "./intended.ts";
import { type KeptBaseline, keptBaseline, keptIn, type Opened, type Remembered } from "./keptBaseline.ts";

/**
 * Which of the kept measurements the next one is held against: the last in which nothing is open that opened without
 * an approval. Were it simply the last, a widening would be told once and be the rule from then on. An approval that has
 * ended, or was taken out of intended.yaml, takes with it every measurement that rests on it.
 */
export type Standing =
  | { status: "first" }
  | {
      status: "found";
      baseline: KeptBaseline;
      /** For a person: why this one. */
      why: string;
      /** What counts as having opened although this one says it was open already. */
      carried: readonly Opened[];
    };

export type Asked = { stateDir: string; stack: string; cycle: string };

/** Throws OperatorError for a kept measurement that cannot be read: what it was held against is then not known. */
export function standingBefore(asked: Asked, intended: IntendedFile, now: Date): Standing {
  const latest = latestOf(asked);
  if (latest === undefined) return { status: "first" };
  const tried = new Set<string>();
  for (let at = latest; ; ) {
    tried.add(at.cycle);
    const loose = looseIn(at, intended, now);
    if (loose.length === 0)
      return { status: "found", baseline: at, why: whyOf(at, latest, intended, now), carried: [] };
    const below = at.heldAgainst?.cycle ?? "";
    const next = tried.has(below) ? undefined : keptBaseline(asked.stateDir, below);
    if (next?.stack !== asked.stack) {
      const why = `${below}, that it was held against, is no longer kept; what opened since then still counts`;
      return { status: "found", baseline: at, why, carried: loose };
    }
    at = next;
  }
}

/** By id, and so by time; not only earlier ones, for a clock may have been set back. */
function latestOf({ stateDir, stack, cycle }: Asked): KeptBaseline | undefined {
  for (const id of keptIn(stateDir).toReversed()) {
    if (id === cycle) continue;
    const found = keptBaseline(stateDir, id);
    if (found?.stack === stack) return found;
  }
  return undefined;
}

/** What opened and is not taken on: nobody had when it was kept, or what took it on has ended since. */
function looseIn(baseline: KeptBaseline, intended: IntendedFile, now: Date): Opened[] {
  const opened = baseline.heldAgainst?.opened ?? [];
  if (opened.length === 0) return [];
  const views = { target: rowsOf(baseline.target), lab: rowsOf(baseline.lab) };
  return opened.filter(({ from, id, isApproved }) => {
    const row = views[from].get(id);
    return !isApproved || (row !== undefined && approvalOf(row, intended[from], now) === undefined);
  });
}

function rowsOf({ observations }: ProbeReport): Map<string, ProbeReport["observations"][number]> {
  return new Map(observations.map((row) => [row.id, row]));
}

/** The entry that takes a widening on. One without a last day explains what is open and approves nothing: that would be for ever. */
export function approvalOf(
  row: ProbeReport["observations"][number],
  intended: readonly Intended[],
  now: Date,
): { why: string; until: string } | undefined {
  const dated = intended.filter(({ until }) => until !== undefined);
  const entry = intendedBy(row, dated, now);
  return entry?.until === undefined ? undefined : { why: entry.why, until: entry.until };
}

const NAMED_MAX = 5;

function whyOf(at: KeptBaseline, latest: KeptBaseline, intended: IntendedFile, now: Date): string {
  if (at === latest) return "the latest before it";
  const loose = looseIn(latest, intended, now);
  const names = loose.slice(0, NAMED_MAX).map(({ from, id, isApproved }) => {
    return `${id} (${from}${isApproved ? ", its approval has ended" : ""})`;
  });
  const more = loose.length > NAMED_MAX ? ` and ${loose.length - NAMED_MAX} more` : "";
  return `the last before something opened that nobody approved, or no longer: ${names.join(", ")}${more}, open in ${latest.cycle}`;
}

/** A kept measurement as it is held against: what it could not say is as it was last said. */
export function asHeld(baseline: KeptBaseline): KeptBaseline {
  const { target, lab, remembered } = baseline;
  return { ...baseline, target: recalled(target, remembered.target), lab: recalled(lab, remembered.lab) };
}

function recalled(report: ProbeReport, { rows, checks }: Remembered): ProbeReport {
  if (rows.length === 0 && checks.length === 0) return report;
  const ids = new Set(rows.map(({ id }) => id));
  const names = new Set(checks.map(({ check }) => check));
  const isBlank = ({ id, verdict }: { id: string; verdict: string }) => names.has(id) && verdict === "not-measured";
  return {
    ...report,
    observations: [...report.observations.filter((row) => !ids.has(row.id) && !isBlank(row)), ...rows],
    checks: [...report.checks.filter(({ check }) => !names.has(check)), ...checks],
  };
}

/**
 * Pure. What the earlier one could say and the later one cannot, although it asked: closed, then not measured, then open is
 * a widening. A check that was not asked at all is no longer one of ours.
 */
export function rememberedFrom(before: ProbeReport, after: ProbeReport): Remembered {
  const was = rowsOf(before);
  const is = rowsOf(after);
  const planned = new Set(after.checks.map(({ check }) => check));
  const unfinished = new Set(after.checks.filter(({ status }) => status !== "ran").map(({ check }) => check));
  const isAsked = (id: string) => is.has(id) || planned.has(checkNameOf(id));
  const isKnown = (id: string, rows: typeof was, report: ProbeReport) => sayOf(id, rows, report).kind !== "unknown";
  return {
    rows: before.observations.filter(({ id }) => isAsked(id) && isKnown(id, was, before) && !isKnown(id, is, after)),
    checks: before.checks.filter(({ check, status }) => status === "ran" && unfinished.has(check)),
  };
}

function checkNameOf(id: string): string {
  const plain = id.startsWith("own:") ? id.slice("own:".length) : id;
  return plain.split(":", 1)[0] ?? plain;
}
