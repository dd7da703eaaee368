import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../base/errors.ts";
import { TRUST_FILES, TRUST_FILES_OF_HOME } from "../../guest/probe/memory/trust-places.ts";

/**
 * What the files hold that programs outside obey, as hashes, taken on this side: a sandbox may set its clock and its files' times,
 * and not what its files hold. One of a directory is over everything below it.
 */
export type TrustContents = ReadonlyMap<string, string>;

const FILE_BYTES_MAX = 1024 * 1024;
const ENTRIES_MAX = 500;

/** `roots`: the workspace and the home on this side; places of one that is not there are left out. */
export function trustContents(roots: { workspace?: string; home?: string }): TrustContents {
  const { workspace, home } = roots;
  const found = new Map<string, string>();
  if (workspace !== undefined) for (const [place] of TRUST_FILES) found.set(place, digestOf(workspace, place));
  if (home !== undefined)
    for (const [place] of TRUST_FILES_OF_HOME) found.set(place, digestOf(home, place.slice("~/".length)));
  return found;
}

/** Pure. The places that hold something else than before, or are there now, or are gone. */
export function changedIn(before: TrustContents, after: TrustContents): string[] {
  return [...before].flatMap(([place, digest]) => (after.get(place) === digest ? [] : [place]));
}

/** No link on the way is followed: a guest may have put one there, and then that is the change. */
function digestOf(root: string, place: string): string {
  const hash = createHash("sha256");
  const names = place.split("/");
  for (const depth of names.slice(1).keys()) {
    const above = join(root, ...names.slice(0, depth + 1));
    if (lstatSync(above, { throwIfNoEntry: false })?.isSymbolicLink() === true)
      return hash.update(`through ${readlinkSync(above)}`).digest("hex");
  }
  const waiting = [place];
  for (const path of waiting.values()) {
    if (waiting.length > ENTRIES_MAX) return hash.update("more").digest("hex");
    hash.update(`\0${path}\0`);
    waiting.push(...take(hash, root, path));
  }
  return hash.digest("hex");
}

/** Adds one thing, and gives what is in it. What goes while it is looked at counts as gone. */
function take(hash: ReturnType<typeof createHash>, root: string, path: string): string[] {
  const at = join(root, path);
  try {
    const thing = lstatSync(at);
    if (thing.isDirectory())
      return readdirSync(at)
        .sort()
        .map((name) => `${path}/${name}`);
    if (thing.isSymbolicLink()) hash.update(`link ${readlinkSync(at)}`);
    else if (thing.isFile()) addFile(hash, at);
    else hash.update("neither a file nor a directory");
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === undefined) throw thrown;
    hash.update(code === "ENOTDIR" ? "ENOENT" : code);
  }
  return [];
}

function addFile(hash: ReturnType<typeof createHash>, path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(Math.min(fstatSync(fd).size, FILE_BYTES_MAX));
    const length = readSync(fd, buffer, 0, buffer.length, 0);
    hash.update(`file ${fstatSync(fd).size}\0`).update(buffer.subarray(0, length));
  } finally {
    closeSync(fd);
  }
}
