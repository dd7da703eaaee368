import type { Observation, ProbeReport } from "../guest/observation.ts";
import { type Change, type Diff, diffReports } from "./diff.ts";
import { type Intended, type IntendedFile, intendedBy } from "./intended.ts";
import type { Circumstances, KeptBaseline } from "./keptBaseline.ts";

/** One thing that differs between two measurements besides what was measured. Undefined: it was not there. */
export type Cause = { what: string; before: string | undefined; after: string | undefined };

/** A widening that a person took on: with a reason, and until a day. */
export type Approval = { why: string; until: string };
export type DriftChange = Change & { approved?: Approval };

/** What changed in one sandbox. */
export type DriftView = { from: "target" | "lab" } & Record<keyof Omit<Diff, "unchanged">, DriftChange[]> & {
    unchanged: number;
  };

/**
 * What changed since, and everything recorded that changed beside it. Any of the causes may be the one; when there is none,
 * nothing that is recorded explains the change, and it came from inside the sandbox or from something nobody recorded.
 */
export type Drift = { causes: Cause[]; views: DriftView[] };

/** Pure. Both sandboxes of two cycles, also of two machines. */
export function driftBetween(before: KeptBaseline, after: KeptBaseline, intended: IntendedFile, now: Date): Drift {
  return {
    causes: causesOf(before.circumstances, after.circumstances),
    views: [
      driftOf("target", before.target, after.target, intended.target, now),
      driftOf("lab", before.lab, after.lab, intended.lab, now),
    ],
  };
}

/** Pure. */
export function driftOf(
  from: DriftView["from"],
  before: ProbeReport,
  after: ProbeReport,
  intended: readonly Intended[],
  now: Date,
): DriftView {
  const diff = diffReports(before, after);
  const rows = new Map(after.observations.map((row) => [row.id, row]));
  return { from, ...diff, widened: diff.widened.map((change) => approved(change, rows, intended, now)) };
}

/** Those that stand for themselves: nobody approved them, or the day has passed. */
export function unapproved({ views }: Pick<Drift, "views">): DriftChange[] {
  return views.flatMap(({ widened }) => widened.filter((change) => change.approved === undefined));
}

/** Pure. Everything recorded in one of the two that is not the same in the other, by name. */
export function causesOf(before: Circumstances, after: Circumstances): Cause[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .filter((what) => before[what] !== after[what])
    .map((what) => ({ what, before: before[what], after: after[what] }));
}

/** An entry without a last day explains what is open and approves no widening: that would be for ever. */
function approved(
  change: Change,
  rows: ReadonlyMap<string, Observation>,
  intended: readonly Intended[],
  now: Date,
): DriftChange {
  const row = rows.get(change.id);
  const dated = intended.filter(({ until }) => until !== undefined);
  const entry = row === undefined ? undefined : intendedBy(row, dated, now);
  if (entry?.until === undefined) return change;
  return { ...change, approved: { why: entry.why, until: entry.until } };
}
