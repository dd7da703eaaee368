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
    return { rows: await Promise.all(PLACES.map(([place, what]) => askCreatable(context, place, what))) };
  },
};

async function askExisting(context: Context, place: string, what: string): Promise<Row> {
  const path = resolvePlace(context, place);
  if (path === undefined) return unplaced("trust-file", place);
  return askWritable(context, `trust-file:${named(place)}`, `${place} (${what})`, path);
}

async function askCreatable(context: Context, place: string, what: string): Promise<Row> {
  const path = resolvePlace(context, place);
  if (path === undefined) return unplaced("trust-file-creatable", place);
  const id = `trust-file-creatable:${named(place)}`;
  return askMissing(context, { id, subject: `${place} (${what})`, path });
}

/** Only for what is not there: could the nearest directory that is take it? */
export async function askMissing(
  context: Context,
  { id, subject, path }: { id: string; subject: string; path: string },
): Promise<Row> {
  const thing = await context.ground.lstat(path);
  if (thing.status === "answered") return absent(id, subject, "there already");
  if (!isAbsence(thing.errno)) return denied(id, subject, CONTROL.write, mechanism(thing.errno), path);
  const directory = await nearestDirectory(context, path);
  const writable = await context.ground.access(directory, "write");
  if (writable.status === "refused") return denied(id, subject, CONTROL.write, mechanism(writable.errno), path);
  return reachable(
    id,
    subject,
    ["create"],
    "not there, and the directory above it may be written; nothing was made",
    path,
  );
}

/** The nearest one above the path that is there; the root in the end. */
async function nearestDirectory({ ground }: Context, path: string): Promise<string> {
  let directory = parentOf(path);
  while (directory !== "/") {
    const thing = await ground.stat(directory);
    if (thing.status === "answered" || !isAbsence(thing.errno)) return directory;
    directory = parentOf(directory);
  }
  return directory;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0)) || "/";
}
