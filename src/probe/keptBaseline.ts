import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { writeDurably } from "../base/files.ts";
import { oneLine } from "../base/text.ts";
import { Access, CheckRun, Observation, ObservationId, ProbeReport, Verdict } from "../guest/observation.ts";

/** A row that opened since the cycle that this one was held against, or in it or before it and is open still. */
const Opened = z.strictObject({
  from: z.enum(["target", "lab"]),
  id: ObservationId,
  /** What was said of it before it opened, or opened further. */
  before: z.strictObject({ verdict: Verdict, access: z.array(Access).max(8) }),
  /** Whether a person had taken it on when this was kept; whether that still holds is asked anew each time. */
  isApproved: z.boolean(),
});
export type Opened = z.infer<typeof Opened>;

/** What this cycle could not say and an earlier one could, as it was last said. */
const Remembered = z.strictObject({ rows: z.array(Observation).max(5_000), checks: z.array(CheckRun).max(500) });
export type Remembered = z.infer<typeof Remembered>;

/** The newest version that is read; 1 had neither `heldAgainst` nor `remembered`. */
const VERSION = 2;

/**
 * What a cycle measured, and under what circumstances, as one file in `<state>/baselines`. Nothing in it belongs to a
 * machine (no path of it, no pid, no keyed hash that counts), so that a file of one machine can be compared with a file of
 * another.
 */
export const KeptBaseline = z.strictObject({
  kind: z.literal("weakdoor-baseline"),
  version: z.literal(VERSION),
  /** Of the stack, logical. */
  stack: z.string().max(200),
  cycle: z.string().max(60),
  /** ISO 8601 */
  takenAt: z.string().max(40),
  circumstances: z.record(z.string().max(200), z.string().max(400)),
  target: ProbeReport,
  lab: ProbeReport,
  /** Null when there was nothing of this stack to hold it against. */
  heldAgainst: z.strictObject({ cycle: z.string().max(60), opened: z.array(Opened).max(10_000) }).nullable(),
  remembered: z.strictObject({ target: Remembered, lab: Remembered }),
});
export type KeptBaseline = z.infer<typeof KeptBaseline>;

/**
 * What may have caused a change, each as a word that is equal when it is the same: a digest, a version, a name. A watched
 * file is `file <path>`.
 */
export type Circumstances = KeptBaseline["circumstances"];

export const NOTHING_REMEMBERED: KeptBaseline["remembered"] = {
  target: { rows: [], checks: [] },
  lab: { rows: [], checks: [] },
};

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

/** Undefined when none of that cycle is kept. Throws OperatorError for one that cannot be read. */
export function keptBaseline(stateDir: string, cycle: string): KeptBaseline | undefined {
  const path = baselinePath(stateDir, cycle);
  try {
    return baselineFrom(readFileSync(path, "utf8"), path);
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === undefined) throw thrown;
    if (code === "ENOENT") return undefined;
    throw new OperatorError(`${path}: cannot be read (${code})`, HINT, { cause: thrown });
  }
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

const HINT = "a cycle writes one into the state directory's baselines/";
const Versioned = z.object({ kind: z.literal("weakdoor-baseline"), version: z.int() });

/** Also of an older version. Throws OperatorError when this is none of ours, or of a version that is not known here. */
export function baselineFrom(text: string, name: string): KeptBaseline {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new OperatorError(`${name}: no JSON`, HINT, { cause: thrown });
  }
  const versioned = Versioned.safeParse(value);
  if (versioned.success && versioned.data.version > VERSION) {
    throw new OperatorError(
      `${name}: a baseline of version ${versioned.data.version}, and this weakdoor reads up to ${VERSION}`,
      "it was written by a newer weakdoor: use that one, or take a baseline of your own",
    );
  }
  const parsed = KeptBaseline.safeParse(versioned.data?.version === 1 ? upgraded(value) : value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new OperatorError(
    `${name}: ${oneLine(issue?.path.join(".") ?? "", 100)}: ${oneLine(issue?.message ?? "", 200)}`,
    HINT,
  );
}

/** Version 1 was held against whatever came before it, and did not write that down. */
function upgraded(value: unknown): unknown {
  return typeof value === "object"
    ? { ...value, version: VERSION, heldAgainst: null, remembered: NOTHING_REMEMBERED }
    : value;
}

function baselinesOf(stateDir: string): string {
  return join(stateDir, "baselines");
}
