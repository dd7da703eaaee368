import type { ProbeReport } from "../guest/observation.ts";
import { type Cause, causesOf, mayCause } from "./causes.ts";
import { type Change, compareSays, type Diff, diffReports, type Say, sayOf } from "./diff.ts";
import type { Intended, IntendedFile } from "./intended.ts";
import type { KeptBaseline, Opened } from "./keptBaseline.ts";
import { approvalOf } from "./standing.ts";

/** A widening that a person took on: with a reason, and until a day. */
export type Approval = { why: string; until: string };
/** `causes`: by name, those of the recorded ones that could have brought this one about. */
export type DriftChange = Change & { causes: string[]; approved?: Approval };

/** What changed in one sandbox. */
export type DriftView = { from: "target" | "lab" } & Record<keyof Omit<Diff, "unchanged">, DriftChange[]> & {
    unchanged: number;
  };

/**
 * What changed since, and everything recorded that changed beside it. Any of the causes may be the one; when there is none,
 * nothing that is recorded explains the change, and it came from inside the sandbox or from something nobody recorded.
 */
export type Drift = { causes: Cause[]; views: DriftView[] };

/** Pure. Both sandboxes of two cycles, also of two machines. `carried`: what counts as opened whatever the earlier one says of it. */
export function driftBetween(
  before: KeptBaseline,
  after: KeptBaseline,
  intended: IntendedFile,
  now: Date,
  carried: readonly Opened[] = [],
): Drift {
  const causes = causesOf(before.circumstances, after.circumstances);
  const viewOf = (from: DriftView["from"]) =>
    driftOf({
      from,
      before: before[from],
      after: after[from],
      intended: intended[from],
      now,
      causes,
      carried: carried.filter((opened) => opened.from === from),
    });
  return { causes, views: [viewOf("target"), viewOf("lab")] };
}

export type ViewInput = {
  from: DriftView["from"];
  before: ProbeReport;
  after: ProbeReport;
  intended: readonly Intended[];
  now: Date;
  causes: readonly Cause[];
  carried?: readonly Opened[];
};

/** Pure. */
export function driftOf({ from, before, after, intended, now, causes, carried = [] }: ViewInput): DriftView {
  const { unchanged, ...diff } = diffReports(before, after);
  const rows = new Map([...before.observations, ...after.observations].map((row) => [row.id, row]));
  const caused = (change: Change): DriftChange => {
    const category = rows.get(change.id)?.category;
    const may = causes.filter((cause) => category === undefined || mayCause(cause, category));
    return { ...change, causes: may.map(({ what }) => what) };
  };
  const approved = (change: DriftChange): DriftChange => {
    const row = rows.get(change.id);
    const approval = row === undefined ? undefined : approvalOf(row, intended, now);
    return approval === undefined ? change : { ...change, approved: approval };
  };
  const again = stillOpen(carried, after).filter(({ id }) => diff.widened.every((change) => change.id !== id));
  return {
    from,
    widened: [...diff.widened, ...again].map(caused).map(approved),
    narrowed: diff.narrowed.map(caused),
    moved: diff.moved.map(caused),
    unknown: diff.unknown.map(caused),
    unchanged: unchanged - again.length,
  };
}

/** Those that stand for themselves: nobody approved them, or the day has passed. */
export function unapproved({ views }: Pick<Drift, "views">): DriftChange[] {
  return views.flatMap(({ widened }) => widened.filter((change) => change.approved === undefined));
}

/**
 * Pure. What the later one holds open that was not open where this began: what opened in it, and what it took over and is
 * open still, or cannot be said.
 */
export function openedIn({ views }: Drift, before: KeptBaseline, after: KeptBaseline): Opened[] {
  const inherited = before.heldAgainst?.opened ?? [];
  return views.flatMap(({ from, widened }): Opened[] => {
    const said = new Map(before[from].observations.map((row) => [row.id, row]));
    const older = new Map(inherited.filter((opened) => opened.from === from).map((opened) => [opened.id, opened]));
    const own = widened.map(({ id, approved }): Opened => {
      const say = sayOf(id, said, before[from]);
      const verdict = say.verdict === "not asked" ? "not-measured" : say.verdict;
      const here = { verdict, access: say.kind === "open" ? [...say.access] : [] };
      return { from, id, before: older.get(id)?.before ?? here, isApproved: approved !== undefined };
    });
    const mine = new Set(own.map(({ id }) => id));
    const is = new Map(after[from].observations.map((row) => [row.id, row]));
    const kept = [...older.values()].filter(({ id, before: was }) => {
      const { to } = compareSays(sayOfOpened(was), sayOf(id, is, after[from]));
      return !mine.has(id) && (to === "widened" || to === "moved" || to === "unknown");
    });
    return [...own, ...kept];
  });
}

function stillOpen(carried: readonly Opened[], after: ProbeReport): Change[] {
  const is = new Map(after.observations.map((row) => [row.id, row]));
  return carried.flatMap(({ id, before }) => {
    const compared = compareSays(sayOfOpened(before), sayOf(id, is, after));
    return compared.to === "widened" ? [{ id, ...compared.change }] : [];
  });
}

function sayOfOpened({ verdict, access }: Opened["before"]): Say {
  return verdict === "reachable" || verdict === "decoy-reached"
    ? { kind: "open", verdict, access }
    : { kind: "closed", verdict };
}
