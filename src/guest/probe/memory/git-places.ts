import { posix } from "node:path";
import type { Context } from "../probe.ts";
import { isInclude, isNamedPlace, isProgram, parseGitConfig, pathWords, type Setting } from "./git-config.ts";

/**
 * What Git obeys outside once it is run in the workspace, as its effective settings say: every settings file with what it includes, those
 * of submodules and work trees, and the places and programs that they name. Conditions of an include are taken to hold.
 */
export type GitPlaces = {
  /** Absolute, besides those that the tables of trust-places.ts name; `what` as a person would say it. */
  obeyed: { path: string; what: string }[];
  /** Each with the file it stands in, and the files that its value names. */
  programs: { key: string; file: string; paths: string[] }[];
  /** Settings files that are there and could not be read, by errno. */
  unread: string[];
  isWhole: boolean;
};

const FILES_MAX = 40;
const FILE_BYTES_MAX = 64 * 1024;
const MODULES_MAX = 30;

export async function gitPlaces(context: Context, workspace: string): Promise<GitPlaces> {
  const { home } = context.facts;
  const found: GitPlaces = { obeyed: [], programs: [], unread: [], isWhole: true };
  const git = await gitDirectories(context, workspace);
  const owned = [
    ...(home === undefined ? [] : [posix.join(home, ".gitconfig"), posix.join(home, ".config/git/config")]),
    ...git.flatMap(({ directory }) => [posix.join(directory, "config"), posix.join(directory, "config.worktree")]),
  ];
  for (const { directory, isOther } of git) {
    if (!isOther) continue;
    for (const name of ["config", "hooks"])
      found.obeyed.push({ path: posix.join(directory, name), what: "Git's, of a submodule or another work tree" });
  }
  const waiting = ["/etc/gitconfig", ...owned];
  const read = new Set<string>();
  for (const file of waiting) {
    if (read.has(file)) continue;
    if (read.size >= FILES_MAX) return { ...found, isWhole: false };
    read.add(file);
    for (const setting of await settingsOf(context, file, found)) {
      take(setting, { file, home, workspace }, found);
      if (isInclude(setting)) waiting.push(placeOf(setting.value, posix.dirname(file), home));
    }
  }
  return found;
}

/** Only the keys and what they name are kept of what is read. */
async function settingsOf({ ground }: Context, file: string, found: GitPlaces): Promise<Setting[]> {
  const thing = await ground.stat(file);
  if (thing.status === "refused" || thing.value.kind !== "file") return [];
  const text = await ground.table(file, FILE_BYTES_MAX);
  if (text.status === "refused") {
    found.unread.push(text.errno);
    return [];
  }
  if (thing.value.size > FILE_BYTES_MAX) found.isWhole = false;
  return parseGitConfig(text.value);
}

type Around = { file: string; home: string | undefined; workspace: string };

function take(setting: Setting, { file, home, workspace }: Around, found: GitPlaces): void {
  if (isNamedPlace(setting)) {
    // Git runs hooks from the top of the work tree, and takes an include from beside its file.
    const beside = isInclude(setting) ? posix.dirname(file) : workspace;
    found.obeyed.push({
      path: placeOf(setting.value, beside, home),
      what: `named by ${setting.key.split(".", 1)[0]}`,
    });
  }
  if (!isProgram(setting)) return;
  const paths = pathWords(setting.value).map((word) => placeOf(word, workspace, home));
  found.programs.push({ key: setting.key, file, paths });
}

function placeOf(value: string, beside: string, home: string | undefined): string {
  if (value.startsWith("~/") && home !== undefined) return posix.join(home, value.slice(2));
  return posix.resolve(beside, value);
}

type GitDirectory = { directory: string /** Not the one that the tables name. */; isOther: boolean };

/** The workspace's own, or the one that its `.git` file points at with the common one; and those of submodules below it. */
async function gitDirectories(context: Context, workspace: string): Promise<GitDirectory[]> {
  const dotGit = posix.join(workspace, ".git");
  const own = await gitDirectoryAt(context, dotGit);
  const common = own === dotGit ? own : await commonOf(context, own);
  const above = own === dotGit ? [{ directory: dotGit, isOther: false }] : [own, common].map(other);
  const modules = await modulesBelow(context, posix.join(common, "modules"));
  const trees = (await directoriesIn(context, posix.join(common, "worktrees"))).filter((one) => one !== own);
  return [...above, ...modules.map(other), ...trees.map(other)];
}

function other(directory: string): GitDirectory {
  return { directory, isOther: true };
}

async function gitDirectoryAt(context: Context, dotGit: string): Promise<string> {
  const thing = await context.ground.stat(dotGit);
  if (thing.status === "refused" || thing.value.kind !== "file") return dotGit;
  const text = await context.ground.table(dotGit, 4_096);
  const named = text.status === "answered" ? /^gitdir:\s*(.+?)\s*$/m.exec(text.value)?.[1] : undefined;
  return named === undefined ? dotGit : posix.resolve(posix.dirname(dotGit), named);
}

async function commonOf(context: Context, own: string): Promise<string> {
  const thing = await context.ground.stat(posix.join(own, "commondir"));
  if (thing.status === "refused" || thing.value.kind !== "file") return own;
  const text = await context.ground.table(posix.join(own, "commondir"), 4_096);
  return text.status === "answered" ? posix.resolve(own, text.value.trim()) : own;
}

/** A submodule's name may have slashes in it: a directory with a HEAD is one, any other is on the way to one. */
async function modulesBelow(context: Context, root: string): Promise<string[]> {
  const modules: string[] = [];
  const waiting = await directoriesIn(context, root);
  for (const directory of waiting) {
    if (modules.length >= MODULES_MAX || waiting.length > MODULES_MAX * 4) break;
    const head = await context.ground.lstat(posix.join(directory, "HEAD"));
    if (head.status === "refused") waiting.push(...(await directoriesIn(context, directory)));
    else modules.push(directory);
  }
  return modules;
}

async function directoriesIn(context: Context, path: string): Promise<string[]> {
  const listed = await context.ground.list(path, MODULES_MAX);
  if (listed.status === "refused") return [];
  return listed.value.entries.flatMap(({ name, kind }) => (kind === "directory" ? [posix.join(path, name)] : []));
}
