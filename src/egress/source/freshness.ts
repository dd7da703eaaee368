import { readdirSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../base/errors.ts";
import { count } from "../../base/text.ts";
import type { CheckRun } from "../../guest/observation.ts";
import { SOURCES } from "../../sources/all.ts";
import type { Source } from "../../sources/source.ts";
import { age } from "./age.ts";
import { type Provenance, provenanceOf } from "./kept.ts";

/**
 * How fresh what could be studied was, as one row of a report's coverage: old knowledge is said and not passed over. Asked
 * for after the research, of the directory that the gateway kept copies in.
 */
export function sourceCoverage(
  directory: string,
  clamdSocket: string | null,
  now: Date,
  sources: readonly Source[] = SOURCES,
): CheckRun {
  const kept = keptIn(join(directory, "kept"));
  const fresh = sources.filter((source) =>
    kept.some((copy) => copy.source === source.id && !age(copy.checkedAt, source, now).isStale),
  );
  const row = { check: "public-sources", category: "tool-plane", from: "host" } as const;
  if (fresh.length === sources.length) return { ...row, status: "ran", reason: "" };
  const old = sources.filter((source) => !fresh.includes(source));
  const oldest = Math.max(...old.map((source) => age(source.snapshot.writtenOn, source, now).days));
  const words = [
    `${count(fresh.length, "source")} of ${sources.length} fresh`,
    `not fresh: ${old.map(({ id }) => id).join(", ")}`,
    `their excerpts are up to ${count(oldest, "day")} old`,
    ...(clamdSocket === null ? ["no clamd is configured, so nothing fetched is read"] : []),
  ];
  return { ...row, status: "degraded", reason: words.join("; ").slice(0, 400) };
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
