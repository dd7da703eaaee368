import type { BigIntStats } from "node:fs";
import { realpathSync } from "node:fs";
import { basename, dirname, join, posix, relative } from "node:path";
import { setImmediate } from "node:timers/promises";
import { errnoOf, throwIfStopped } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { KEY_NAME } from "../canaries/key.ts";
import { BINARY_NAMES, MADE_DIRECTORIES } from "./allowed.ts";
import { type Directory, openDirectory } from "./directory.ts";
import { type Globs, globs } from "./glob.ts";
import type { Skipped } from "./stack.ts";

/** One thing to be in the clone, at its logical path, `home/.npmrc`. Bytes are in memory: no real credential is ever written. */
export type Entry =
  | { kind: "directory"; file: string; mode: number }
  | { kind: "file"; file: string; mode: number; bytes: Buffer }
  | { kind: "link"; file: string; target: string };

export type Gathered = { entries: Entry[]; skipped: Skipped[] };

export type Tree = {
  /** `home` or `workspace`. */
  name: string;
  /** Absolute. */
  path: string;
  /** What is taken; undefined takes everything but what is made. */
  allowed: Globs | undefined;
  /** Relative globs that are taken although they are made. */
  included: readonly string[];
};

export type Limits = { fileBytesMax: number; totalBytesMax: number; entriesMax: number };

/**
 * Reads what a clone may hold. Links are never followed: one whose end lies in what is copied becomes a relative link,
 * any other is skipped. Sockets, devices and FIFOs are seen by lstat and never opened. What is left out is said, with the reason.
 */
export async function gather(trees: readonly Tree[], limits: Limits, signal: AbortSignal): Promise<Gathered> {
  const found: Gathered & { bytes: number } = { entries: [], skipped: [], bytes: 0 };
  for (const tree of trees) {
    const root = realpathSync(tree.path);
    const directory = openDirectory(root);
    try {
      found.entries.push({ kind: "directory", file: tree.name, mode: 0o700 });
      const included = tree.included.length > 0 ? globs(tree.included) : undefined;
      await walk({ directory, tree: { ...tree, path: root }, included, below: "", limits, found, signal });
    } finally {
      directory.close();
    }
  }
  return withoutDangling(found);
}

type Walk = {
  directory: Directory;
  tree: Tree;
  included: Globs | undefined;
  /** Relative to the tree's root; empty at it. */
  below: string;
  limits: Limits;
  found: Gathered & { bytes: number };
  signal: AbortSignal;
};

async function walk(here: Walk): Promise<void> {
  // Lets the abort be heard between two directories.
  await setImmediate();
  throwIfStopped(here.signal);
  const { names, unreadable } = here.directory.names();
  if (names.includes(KEY_NAME)) return skip(here, "", "weakdoor's own state, with the key to every fake");
  if (unreadable > 0) skip(here, "", `${unreadable} of its names are not UTF-8`);
  for (const name of names) {
    const path = here.below === "" ? name : `${here.below}/${name}`;
    try {
      await take(here, name, path, here.directory.stat(name));
    } catch (thrown) {
      const reason = UNREADABLE.get(errnoOf(thrown) ?? "");
      if (reason === undefined) throw thrown;
      skip(here, path, reason);
    }
  }
}

const UNREADABLE = new Map([
  ["EACCES", "not readable by this user"],
  ["EPERM", "not readable by this user"],
  ["ENOENT", "a link that leads nowhere, or gone while it was copied"],
  ["ELOOP", "a loop of links, or became a link while it was copied"],
  ["ENOTDIR", "changed while it was copied"],
  ["EIO", "the disk cannot read it"],
  ["ENXIO", "not a regular file"],
  ["ENAMETOOLONG", "its name is too long"],
]);

async function take(here: Walk, name: string, path: string, stat: BigIntStats): Promise<void> {
  const { tree, found } = here;
  if (stat.isDirectory()) return takeDirectory(here, name, path, stat);
  if (tree.allowed !== undefined && !tree.allowed.matches(path)) {
    // A dotfile manager may link a whole directory: said, because what lies behind it is not seen.
    if (stat.isSymbolicLink() && tree.allowed.mayHold(path))
      skip(here, path, "a linked directory, which is not followed");
    return;
  }
  if (name === ".git" && path !== name) return skip(here, path, "a pointer to a repository elsewhere");
  if (isHiddenGit(path)) return;
  if (found.entries.length >= here.limits.entriesMax)
    return skip(here, path, `more than ${here.limits.entriesMax} files`);
  if (stat.isSymbolicLink()) return takeLink(here, name, path);
  if (!stat.isFile()) return skip(here, path, "a socket, device or FIFO");
  if (BINARY_NAMES.test(name)) return skip(here, path, "a binary or a database, which cannot be stripped");
  if (stat.size > BigInt(here.limits.fileBytesMax))
    return skip(here, path, `larger than ${here.limits.fileBytesMax} bytes`);
  if (found.bytes + Number(stat.size) > here.limits.totalBytesMax) return skip(here, path, "the clone is full");
  const content = here.directory.read(name, stat);
  if (content.status === "changed") return skip(here, path, "changed while it was copied");
  found.bytes += content.bytes.length;
  // Without setuid, setgid and sticky; the owner may always write, or the clone could not be destroyed or mended.
  const mode = (Number(stat.mode) & 0o777) | 0o600;
  found.entries.push({ kind: "file", file: `${tree.name}/${path}`, mode, bytes: content.bytes });
}

async function takeDirectory(here: Walk, name: string, path: string, stat: BigIntStats): Promise<void> {
  const { tree, found } = here;
  const isWanted = tree.allowed === undefined ? isOfWorkspace(here, path) : tree.allowed.mayHold(path);
  if (!isWanted) {
    if (tree.allowed === undefined && !path.includes(".git/"))
      skip(here, path, "made from the rest: build output or packages");
    return;
  }
  const directory = here.directory.open(name);
  const before = found.entries.length;
  found.entries.push({ kind: "directory", file: `${tree.name}/${path}`, mode: (Number(stat.mode) & 0o777) | 0o700 });
  try {
    await walk({ ...here, directory, below: path });
  } finally {
    directory.close();
  }
  // A home's directory that held nothing allowed is no part of the clone.
  if (tree.allowed !== undefined && found.entries.length === before + 1) found.entries.pop();
}

function isOfWorkspace(here: Walk, path: string): boolean {
  if (/(^|\/)\.git\//.test(path)) return /(^|\/)\.git\/(hooks|info)$/.test(path);
  return !MADE_DIRECTORIES.has(basename(path)) || here.included?.mayHold(path) === true;
}

/** Of a repository's own directory only what a person wrote is taken; its history is made anew. */
function isHiddenGit(path: string): boolean {
  return /(^|\/)\.git\//.test(path) && !/(^|\/)\.git\/(config|HEAD|description|hooks\/[^/]+|info\/[^/]+)$/.test(path);
}

/** The link's end, with every link on the way resolved, is written relative to the link: in the clone it can lead nowhere else. */
function takeLink(here: Walk, name: string, path: string): void {
  const { tree } = here;
  const own = dirname(join(tree.path, path));
  const end = realpathSync(join(own, "."), { encoding: "utf8" });
  const text = here.directory.link(name);
  const real = realpathSync(text.startsWith("/") ? text : join(end, text));
  const inside = relative(tree.path, real);
  if (inside === ".." || inside.startsWith("../") || inside.startsWith("/"))
    return skip(here, path, "a link that leads out of the tree");
  const target = posix.relative(posix.dirname(`/${path}`), `/${inside}`) || ".";
  here.found.entries.push({ kind: "link", file: `${tree.name}/${path}`, target });
}

/** Links whose end was not copied, one after the other until none is left. */
function withoutDangling({ entries, skipped }: Gathered): Gathered {
  const files = new Set(entries.map((entry) => entry.file));
  const isKept = (entry: Entry): boolean => {
    if (entry.kind !== "link") return true;
    if (files.has(posix.join(posix.dirname(entry.file), entry.target))) return true;
    skipped.push({ file: entry.file, reason: "a link to something that is not copied" });
    return false;
  };
  return { entries: entries.filter(isKept), skipped };
}

function skip(here: Walk, path: string, reason: string): void {
  const file =
    path === "" ? here.tree.name + (here.below === "" ? "" : `/${here.below}`) : `${here.tree.name}/${path}`;
  here.found.skipped.push({ file: oneLine(file), reason });
}
