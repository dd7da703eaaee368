import { readdirSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../base/errors.ts";
import { count } from "../../base/text.ts";
import type { CheckRun } from "../../guest/observation.ts";
import { SOURCES } from "../../sources/all.ts";
import type { Source } from "../../sources/source.ts";
import { age } from "./age.ts";
import type { SourceAsked } from "./asked.ts";
import type { SourceFault } from "./faults.ts";
import { type Provenance, provenanceOf } from "./kept.ts";

/** What a cycle made of one source, by the gateway's word: how often each outcome, and how old the newest text was. */
export type SourceUse = {
  source: string;
  fetched: number;
  notModified: number;
  /** Read from the copy, without asking the source. */
  copies: number;
  /** Read from the excerpt that comes with weakdoor. */
  excerpts: number;
  failed: number;
  /** Asked with parameters that it does not take: nobody looked, and nothing of ours failed. */
  unfit: number;
  /** Of the newest text that was handed inside; null when none was. */
  asOf: string | null;
  isStale: boolean;
  /** Of the last time that it was not read; empty when it always was. */
  reason: string;
};

/** One for each source of the list, in its order; one that nobody asked for has nothing but zeros. Pure. */
export function usesOf(asked: readonly SourceAsked[], now: Date, sources: readonly Source[] = SOURCES): SourceUse[] {
  return sources.map((source) => {
    const own = asked.filter((one) => one.source === source.id);
    const times = (...outcomes: SourceAsked["outcome"][]) =>
      own.filter(({ outcome }) => outcomes.includes(outcome)).length;
    const unfit = own.filter(({ reason }) => reason.startsWith(UNFIT)).length;
    const asOf = own.reduce<string | null>(
      (newest, one) => (newest === null || (one.asOf ?? "") > newest ? one.asOf : newest),
      null,
    );
    return {
      source: source.id,
      fetched: times("fetched"),
      notModified: times("not-modified"),
      copies: times("young", "kept"),
      excerpts: times("snapshot"),
      failed: times("failed") - unfit,
      unfit,
      asOf,
      isStale: asOf !== null && age(asOf, source, now).isStale,
      reason: own.findLast(({ outcome }) => outcome === "failed")?.reason ?? "",
    };
  });
}

/**
 * How fresh what was studied was, as rows of a report's coverage: one for each source that was asked for, and one for all that
 * nobody asked for. Old knowledge is said and not passed over, and not read is not the same as nothing in it. Asked for
 * after the research, of the directory that the gateway kept copies in.
 */
export function sourceCoverage(
  directory: string,
  clamdSocket: string | null,
  asked: readonly SourceAsked[],
  now: Date,
  sources: readonly Source[] = SOURCES,
): CheckRun[] {
  const uses = usesOf(asked, now, sources);
  const left = sources.filter((_, i) => !isAsked(uses[i]));
  const rows = uses.filter(isAsked).map(rowOf);
  return left.length === 0 ? rows : [...rows, unasked(left, directory, clamdSocket, now)];
}

const UNFIT: SourceFault = "source-parameters";
const ABOUT = { category: "tool-plane", from: "host" } as const;

function isAsked(use: SourceUse | undefined): boolean {
  return use !== undefined && (use.asOf !== null || use.failed + use.unfit > 0);
}

function rowOf(use: SourceUse): CheckRun {
  const { source, asOf, isStale, failed, unfit, fetched, notModified, copies, excerpts, reason } = use;
  const row = { ...ABOUT, check: `source: ${source}` };
  const words = [
    ...(failed > 0 ? [`${count(failed, "asking")} failed, the last one: ${reason}`] : []),
    ...(asOf === null && unfit > 0 ? ["asked with parameters that it does not take"] : []),
    ...(asOf !== null && isStale ? [`stale: what was read is of ${asOf.slice(0, 10)}`] : []),
    ...(asOf !== null && fetched + notModified + copies === 0
      ? [`only its excerpt was read, of ${asOf.slice(0, 10)}`]
      : []),
  ];
  if (words.length === 0) return { ...row, status: "ran", reason: "" };
  const isRead = fetched + notModified + copies + excerpts > 0;
  return {
    ...row,
    status: isRead ? "degraded" : failed > 0 ? "failed" : "skipped",
    reason: words.join("; ").slice(0, 400),
  };
}

function unasked(sources: readonly Source[], directory: string, clamdSocket: string | null, now: Date): CheckRun {
  const kept = keptIn(join(directory, "kept"));
  const fresh = sources.filter((source) =>
    kept.some((copy) => copy.source === source.id && !age(copy.checkedAt, source, now).isStale),
  );
  const oldest = Math.max(...sources.map((source) => age(source.snapshot.writtenOn, source, now).days));
  const words = [
    `not asked for: ${sources.map(({ id }) => id).join(", ")}`,
    `${fresh.length} of them kept fresh`,
    `their excerpts are up to ${count(oldest, "day")} old`,
    ...(clamdSocket === null ? ["no clamd is configured, so nothing fetched is read"] : []),
  ];
  return { ...ABOUT, check: "public-sources", status: "skipped", reason: words.join("; ").slice(0, 400) };
}

/** What nothing was ever kept in is empty. */
function keptIn(directory: string): Provenance[] {
  try {
    return readdirSync(directory).flatMap((name) => provenanceOf(join(directory, name)) ?? []);
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    return [];
  }
}
