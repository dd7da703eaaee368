import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { writeDurably } from "../base/files.ts";
import { oneLine } from "../base/text.ts";
import { ProbeReport } from "../guest/observation.ts";

/**
 * What a cycle measured, and under what circumstances, as one file in `<state>/baselines`. Nothing in it belongs to a
 * machine (no path of it, no pid, no keyed hash that counts), so that a file of one machine can be compared with a file of
 * another.
 */
export const KeptBaseline = z.strictObject({
  kind: z.literal("weakdoor-baseline"),
  version: z.literal(1),
  /** Of the stack, logical. */
  stack: z.string().max(200),
  cycle: z.string().max(60),
  /** ISO 8601 */
  takenAt: z.string().max(40),
  circumstances: z.record(z.string().max(200), z.string().max(400)),
  target: ProbeReport,
  lab: ProbeReport,
});
export type KeptBaseline = z.infer<typeof KeptBaseline>;

/**
 * What may have caused a change, each as a word that is equal when it is the same: a digest, a version, a name. A watched
 * file is `file <path>`.
 */
export type Circumstances = KeptBaseline["circumstances"];

/** Twice the longest report. */
export const BASELINE_BYTES_MAX = 16 * 1024 * 1024;

/** Throws what the file system throws: a cycle whose measurement is not kept has not done its work. */
export function keepBaseline(stateDir: string, baseline: KeptBaseline): string {
  const directory = baselinesOf(stateDir);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `${baseline.cycle}.json`);
  writeDurably(path, `${JSON.stringify(KeptBaseline.parse(baseline), null, 2)}\n`);
  return path;
}

/** Of the latest cycle of this stack before this one; ids of cycles sort by time. Throws OperatorError for one that cannot be read. */
export function baselineBefore(
  stateDir: string,
  { stack, cycle }: { stack: string; cycle: string },
): KeptBaseline | undefined {
  const earlier = keptIn(stateDir).filter((id) => id < cycle);
  for (const id of earlier.toReversed()) {
    const path = baselinePath(stateDir, id);
    const found = baselineFrom(readFileSync(path, "utf8"), path);
    if (found.stack === stack) return found;
  }
  return undefined;
}

/** Ids of the cycles, oldest first. */
export function keptIn(stateDir: string): string[] {
  try {
    const names = readdirSync(baselinesOf(stateDir)).filter((name) => name.endsWith(".json"));
    return names.map((name) => name.slice(0, -".json".length)).sort();
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}

export function baselinePath(stateDir: string, cycle: string): string {
  return join(baselinesOf(stateDir), `${basename(cycle)}.json`);
}

/** Throws OperatorError when this is none of ours. */
export function baselineFrom(text: string, name: string): KeptBaseline {
  const hint = "a cycle writes one into the state directory's baselines/";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new OperatorError(`${name}: no JSON`, hint, { cause: thrown });
  }
  const parsed = KeptBaseline.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new OperatorError(
    `${name}: ${oneLine(issue?.path.join(".") ?? "", 100)}: ${oneLine(issue?.message ?? "", 200)}`,
    hint,
  );
}

function baselinesOf(stateDir: string): string {
  return join(stateDir, "baselines");
}
