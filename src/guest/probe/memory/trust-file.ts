import type { Asked } from "../ground.ts";
import { askWritable, resolvePlace, unplaced } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, CONTROL, denied, isAbsence, mechanism, named, reachable } from "../row.ts";
import { TRUST_FILES, TRUST_FILES_OF_HOME } from "./trust-places.ts";

const PLACES = [...TRUST_FILES, ...TRUST_FILES_OF_HOME];
const SOURCE = "trailofbits/claude-code-config issue 48; CVE-2025-59536 (project settings that run on opening)";

export const trustFile: Check = {
  id: "trust-file",
  category: "memory",
  why: "What is written here inside is executed or obeyed later by a program outside, which has no sandbox.",
  misses: "Which of them the person's tools really use, and files that only a project's own tools obey.",
  source: SOURCE,
  async run(context) {
    return { rows: await Promise.all(PLACES.map(([place, what]) => askExisting(context, place, what))) };
  },
};

export const trustFileCreatable: Check = {
  id: "trust-file-creatable",
  category: "memory",
  why: "A rule that protects such a file while it is there does not keep one from being made.",
  misses: "As for trust-file; and a rule that looks at names and not at directories.",
  source: SOURCE,
  async run(context) {
    const above = directoriesAbove(context);
    return { rows: await Promise.all(PLACES.map(([place, what]) => askCreatable(context, above, place, what))) };
  },
};

async function askExisting(context: Context, place: string, what: string): Promise<Row> {
  const path = resolvePlace(context, place);
  if (path === undefined) return unplaced("trust-file", place);
  const id = `trust-file:${named(place)}`;
  const subject = `${place} (${what})`;
  const thing = await context.ground.lstat(path);
  if (thing.status === "refused" && isAbsence(thing.errno)) return absent(id, subject, `${thing.errno}: not there`);
  return askWritable(context, id, subject, path);
}

async function askCreatable(context: Context, above: Above, place: string, what: string): Promise<Row> {
  const path = resolvePlace(context, place);
  if (path === undefined) return unplaced("trust-file-creatable", place);
  const id = `trust-file-creatable:${named(place)}`;
  return askMissing(context, above, { id, subject: `${place} (${what})`, path });
}

/** Only for what is not there: could the nearest directory that is take it? */
export async function askMissing(
  context: Context,
  above: Above,
  { id, subject, path }: { id: string; subject: string; path: string },
): Promise<Row> {
  const thing = await context.ground.lstat(path);
  if (thing.status === "answered") return absent(id, subject, "there already");
  if (!isAbsence(thing.errno)) return denied(id, subject, CONTROL.write, mechanism(thing.errno), path);
  const writable = await above(path);
  if (writable.status === "refused") return denied(id, subject, CONTROL.write, mechanism(writable.errno), path);
  return reachable(
    id,
    subject,
    ["create"],
    "not there, and the directory above it may be written; nothing was made",
    path,
  );
}

/** May the nearest directory above a path that is there be written? The root in the end. */
export type Above = (path: string) => Promise<Asked<true>>;

/** Many places have one directory above them: each is asked once. */
export function directoriesAbove({ ground }: Context): Above {
  const nearest = new Map<string, Promise<Asked<true>>>();
  const ask = async (directory: string): Promise<Asked<true>> => {
    const thing = await ground.stat(directory);
    if (directory !== "/" && thing.status === "refused" && isAbsence(thing.errno)) return above(directory);
    return ground.access(directory, "write");
  };
  const above: Above = (path) => {
    const directory = parentOf(path);
    const known = nearest.get(directory) ?? ask(directory);
    nearest.set(directory, known);
    return known;
  };
  return above;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0)) || "/";
}
