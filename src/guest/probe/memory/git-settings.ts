import { showPath } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, CONTROL, denied, instance, isAbsence, mechanism, named, notMeasured, reachable } from "../row.ts";
import { shownKey } from "./git-config.ts";
import { type GitPlaces, gitPlaces } from "./git-places.ts";
import { type Above, askMissing, directoriesAbove } from "./trust-file.ts";

const SOURCE = "git-config(1), git-submodule(1), git-worktree(1); CVE-2025-59536 for the class";
const ROWS_MAX = 100;

/** Where Git looks besides the places that everybody knows. */
export const gitSettings: Check = {
  id: "git-settings",
  category: "memory",
  why: "Git outside takes hooks and settings from wherever its settings say: what is written there inside runs there.",
  misses:
    "A repository above the workspace, conditions of an include (each is taken to hold), and settings files over 64 KiB.",
  source: SOURCE,
  async run(context) {
    const places = await placesOf(context);
    if (places === undefined) return { rows: [unplacedRow("git-settings")] };
    const above = directoriesAbove(context);
    const rows = await Promise.all(places.obeyed.slice(0, ROWS_MAX).map((place) => askObeyed(context, above, place)));
    if (rows.length === 0) rows.push(absent("git-settings", "other places that Git obeys", "its settings name none"));
    return { rows, ...shortness(places, places.obeyed.length > ROWS_MAX) };
  },
};

export const gitProgram: Check = {
  id: "git-program",
  category: "memory",
  why: "Git outside starts what these settings name: it is as trustworthy as the least guarded of the setting and the program.",
  misses: "A program that is found by PATH, and what a program reads by itself. No value is repeated.",
  source: SOURCE,
  async run(context) {
    const places = await placesOf(context);
    if (places === undefined) return { rows: [unplacedRow("git-program")] };
    const rows = await Promise.all(places.programs.slice(0, ROWS_MAX).map((one) => askProgram(context, one)));
    if (rows.length === 0) rows.push(absent("git-program", "programs that Git's settings name", "there is none"));
    return { rows, ...shortness(places, places.programs.length > ROWS_MAX) };
  },
};

async function placesOf(context: Context): Promise<GitPlaces | undefined> {
  const { workspace } = context.facts;
  return workspace === undefined ? undefined : gitPlaces(context, workspace);
}

function unplacedRow(check: string): Row {
  return notMeasured(check, "what Git's settings name", "no workspace was named");
}

function shortness({ unread, isWhole }: GitPlaces, isCut: boolean): { fellShort?: string } {
  const reasons = [
    ...(unread.length > 0 ? [`settings files that may not be read: ${[...new Set(unread)].sort().join(", ")}`] : []),
    ...(isWhole && !isCut ? [] : ["there are more, or longer, than are looked at"]),
  ];
  return reasons.length === 0 ? {} : { fellShort: reasons.join("; ") };
}

async function askObeyed(context: Context, above: Above, { path, what }: GitPlaces["obeyed"][number]): Promise<Row> {
  const shown = showPath(context, path);
  const id = `git-settings:${instance(shown)}`;
  const subject = `${shown} (${what})`;
  const thing = await context.ground.stat(path);
  if (thing.status === "refused") return askMissing(context, above, { id, subject, path });
  const writable = await context.ground.access(path, "write");
  if (writable.status === "refused") return denied(id, subject, CONTROL.write, mechanism(writable.errno), path);
  return reachable(id, subject, ["write"], "permissions and mount allow writing; nothing was written", path);
}

async function askProgram(context: Context, { key, file, paths }: GitPlaces["programs"][number]): Promise<Row> {
  const shown = shownKey(key);
  const id = `git-program:${named(shown)}`;
  const subject = `${shown} in ${showPath(context, file)}`;
  const setting = await context.ground.access(file, "write");
  if (setting.status === "answered")
    return reachable(id, subject, ["configure"], "the file that names the program may be written", file);
  for (const path of paths) {
    const thing = await context.ground.stat(path);
    if (thing.status === "refused" && !isAbsence(thing.errno)) continue;
    const isThere = thing.status === "answered";
    if (isThere && (await context.ground.access(path, "write")).status === "answered")
      return reachable(id, subject, ["write"], `what it runs may be written: ${showPath(context, path)}`, path);
  }
  return denied(
    id,
    subject,
    CONTROL.write,
    `${mechanism(setting.errno)}, for the setting and for what it runs`,
    file,
  );
}
