import { OperatorError } from "../base/errors.ts";
import { count, oneLine } from "../base/text.ts";
import type { ProbeReport } from "../guest/observation.ts";
import { causesLine, causesOf } from "../probe/causes.ts";
import { type Drift, type DriftChange, type DriftView, driftBetween, driftOf, unapproved } from "../probe/drift.ts";
import type { IntendedFile } from "../probe/intended.ts";
import { intendedIfThere } from "./intendedIfThere.ts";
import { loadMeasurement, type Measurement } from "./measurements.ts";
import { STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Io, type Verb, type VerbInput } from "./verb.ts";

/** `weakdoor diff`: what two measurements say differently, and what else differs between them. */
export const verb: Verb = {
  name: "diff",
  summary: "compare two measurements: widened, narrowed, moved, unknown",
  usage: "diff BEFORE AFTER [--intended FILE] [--json] [--state DIR]",
  argumentsMax: 2,
  options: { ...STATE_OPTIONS, intended: { type: "string" }, json: { type: "boolean" } },
  run: diff,
};

async function diff(input: VerbInput): Promise<number> {
  const { values, positionals, io, cwd } = input;
  const [before, after] = positionals;
  if (before === undefined || after === undefined) {
    throw new OperatorError(
      "diff takes two measurements",
      "name two files or two cycles; weakdoor probe --out FILE makes one",
    );
  }
  const intended = await intendedIfThere(values, cwd);
  const [was, is] = [await loadMeasurement(before, input), await loadMeasurement(after, input)];
  const drift = compare(was, is, intended);
  for (const caveat of caveats(was, is)) io.err(`weakdoor: ${caveat}`);
  if (flag(values, "json")) io.json(drift);
  else show(drift, io);
  return exitOf(drift);
}

function compare(before: Measurement, after: Measurement, intended: IntendedFile): Drift {
  const now = new Date();
  if (before.kind === "cycle" && after.kind === "cycle")
    return driftBetween(before.baseline, after.baseline, intended, now);
  if (before.kind === "probe" && after.kind === "probe") {
    const causes = causesOf(circumstancesOf(before.report), circumstancesOf(after.report));
    const view = { before: before.report, after: after.report, intended: intended.target };
    return { causes, views: [driftOf({ from: "target", ...view, now, causes })] };
  }
  throw new OperatorError(
    "one of the two is a whole cycle and the other one place",
    "compare two cycles, or two files of weakdoor probe --out",
  );
}

function circumstancesOf({ boundary, runtime, circumstances }: ProbeReport): Record<string, string> {
  return { ...circumstances, boundary, runtime };
}

/** What makes a comparison another than the person may think it is. */
function caveats(before: Measurement, after: Measurement): string[] {
  if (before.kind === "probe" && after.kind === "probe") {
    const [was, is] = [before.report.from, after.report.from];
    return was === is ? [] : [`these were measured from two places: ${was} and ${is}`];
  }
  if (before.kind !== "cycle" || after.kind !== "cycle") return [];
  const [was, is] = [before.baseline, after.baseline];
  const stacks =
    was.stack === is.stack ? [] : [`these are of two stacks: ${oneLine(was.stack)} and ${oneLine(is.stack)}`];
  const isSwapped = Date.parse(was.takenAt) > Date.parse(is.takenAt);
  return isSwapped ? [...stacks, "the first was taken after the second: what opened is said to have closed"] : stacks;
}

/** The gravest first: what opened and nobody approved, then what could not be said. */
function exitOf(drift: Drift): number {
  if (unapproved(drift).length > 0) return EXIT.regression;
  return drift.views.some(({ unknown }) => unknown.length > 0) ? EXIT.incomplete : EXIT.nothingNew;
}

function show({ views, causes }: Drift, io: Io): void {
  for (const view of views) {
    if (views.length > 1) io.out(`${view.from}:`);
    for (const kind of ["widened", "narrowed", "moved", "unknown"] as const) showChanges(kind, view, io);
    io.out(`${count(view.unchanged, "observation")} unchanged`);
  }
  for (const { what, before, after } of causes)
    io.out(
      `also changed: ${oneLine(what)}: ${oneLine(before ?? "not there", 60)} to ${oneLine(after ?? "not there", 60)}`,
    );
}

function showChanges(kind: keyof Omit<DriftView, "from" | "unchanged">, view: DriftView, io: Io): void {
  const changes = view[kind];
  if (changes.length === 0) return;
  io.out(`${kind}: ${changes.length}`);
  for (const change of changes) {
    io.out(`  ${lineOf(change)}`);
    io.out(`    may be caused by: ${oneLine(causesLine(change.causes), 300)}`);
  }
  if (kind === "widened" && changes.some(({ approved }) => approved === undefined))
    io.out("  take one on: an entry with why and until in intended.yaml");
}

function lineOf({ id, before, after, why, approved }: DriftChange): string {
  const taken = approved === undefined ? "" : `; approved until ${approved.until}: ${oneLine(approved.why, 120)}`;
  return `${id}: ${oneLine(before)} to ${oneLine(after)} (${oneLine(why)}${taken})`;
}
