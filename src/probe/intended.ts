import { existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { readBounded } from "../base/files.ts";
import { complaintOf } from "../config/complaint.ts";
import { parseYaml } from "../config/yaml.ts";
import { Access, checkOf, type Observation } from "../guest/observation.ts";

/**
 * `intended.yaml`: what the team says a sandbox may reach. A person writes it, or edits the draft that
 * `weakdoor probe --propose` makes; nothing here ever adds to it by itself.
 */

/** One thing that may be open, and why. It is named by an observation's id, or a check's every instance with `check:*`. */
export const Intended = z.strictObject({
  observation: z
    .string()
    .max(240)
    .regex(/^[a-z0-9][a-z0-9-]*(:[\x21-\x7e]+)?$/, "an observation is check, check:instance or check:*"),
  /** No more than this is intended; left out, whatever was shown to be possible. */
  access: z.array(Access).min(1).max(8).optional(),
  why: z.string().trim().min(1, "say why it is intended").max(400),
  /** The last day on which it is intended, in UTC. An entry without one explains, and approves no widening. */
  until: z.iso.date("a day is written YYYY-MM-DD").optional(),
});
export type Intended = z.infer<typeof Intended>;

export const IntendedFile = z.strictObject({
  version: z.literal(1),
  /** Of the agent's sandbox. */
  target: z.array(Intended).max(2_000).default([]),
  /** Of the researcher's. */
  lab: z.array(Intended).max(2_000).default([]),
});
export type IntendedFile = Omit<z.infer<typeof IntendedFile>, "version">;

export const NOTHING_INTENDED: IntendedFile = { target: [], lab: [] };

const BYTES_MAX = 1024 * 1024;

/** Undefined when no such file is there. Throws OperatorError when it cannot be read or says something else than it may. */
export async function loadIntended(path: string): Promise<IntendedFile | undefined> {
  if (!existsSync(path)) return undefined;
  const bytes = await readWhole(path);
  const document = parseYaml(path, bytes);
  const parsed = IntendedFile.safeParse(document.value);
  if (!parsed.success) throw complaintOf(path, document, parsed.error.issues, IntendedFile);
  return { target: parsed.data.target, lab: parsed.data.lab };
}

async function readWhole(path: string): Promise<Buffer> {
  const name = basename(path);
  try {
    // A FIFO would keep the reader waiting for a writer.
    if (!statSync(path).isFile())
      throw new OperatorError(`${name}: not a file`, "weakdoor probe --propose drafts one");
    const { bytes, isWhole } = await readBounded(path, BYTES_MAX);
    if (isWhole) return bytes;
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === undefined) throw thrown;
    throw new OperatorError(
      `${name}: cannot be read (${errno})`,
      "give the user who runs weakdoor the right to read it",
    );
  }
  throw new OperatorError(`${name}: larger than 1 MiB`, "name a check's every instance at once with check:*");
}

/**
 * The entry that says this row is intended: by its id, for no less than was shown to be possible, and not past its last
 * day. A contradiction is nobody's intention.
 */
export function intendedBy(
  row: Pick<Observation, "id" | "verdict" | "access">,
  entries: readonly Intended[],
  now: Date,
): Intended | undefined {
  if (row.verdict === "contradictory") return undefined;
  return entries.find(
    (entry) =>
      isNamedBy(entry.observation, row.id) &&
      !hasEnded(entry, now) &&
      (entry.access === undefined || row.access.every((access) => entry.access?.includes(access))),
  );
}

/** Pure. Entries that say nothing about these rows: the day of some has passed, and what others name is not open here. */
export function idleEntries(
  rows: readonly Pick<Observation, "id" | "verdict" | "access">[],
  entries: readonly Intended[],
  now: Date,
): { ended: Intended[]; unmet: Intended[] } {
  const ended = entries.filter((entry) => hasEnded(entry, now));
  const isMet = (entry: Intended) =>
    rows.some(
      (row) =>
        (row.verdict === "reachable" || row.verdict === "decoy-reached") && isNamedBy(entry.observation, row.id),
    );
  return { ended, unmet: entries.filter((entry) => !ended.includes(entry) && !isMet(entry)) };
}

/** `check:*` is the check and its every instance; anything else is one id, to the letter. */
export function isNamedBy(pattern: string, id: string): boolean {
  if (!pattern.endsWith(":*")) return pattern === id;
  return checkOf(id) === pattern.slice(0, -2);
}

function hasEnded({ until }: Intended, now: Date): boolean {
  return until !== undefined && now.toISOString().slice(0, 10) > until;
}
