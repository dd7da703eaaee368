import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/**
 * The identity of a tree: by path below the root, each entry's kind, mode, owner, group, and content or link target.
 * Times are no part of it, and neither are extended attributes. Follows no link.
 */
export type Manifest = ReadonlyMap<string, string>;

export async function manifestOf(roots: Readonly<Record<string, string>>): Promise<Manifest> {
  const entries = new Map<string, string>();
  for (const [name, root] of Object.entries(roots)) await walk(root, name, entries);
  return entries;
}

/** Paths that are in one only, or differ. */
export function differences(a: Manifest, b: Manifest): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path)).sort();
}

async function walk(path: string, name: string, entries: Map<string, string>): Promise<void> {
  const stat = await lstat(path);
  const meta = `${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`;
  if (stat.isDirectory()) {
    entries.set(name, `directory ${meta}`);
    for (const child of (await readdir(path)).sort()) await walk(join(path, child), `${name}/${child}`, entries);
  } else if (stat.isSymbolicLink()) entries.set(name, `link ${meta} ${await readlink(path)}`);
  else if (stat.isFile()) entries.set(name, `file ${meta} ${await contentHash(path, stat.size)}`);
  else entries.set(name, `other ${meta}`);
}

/** A stream costs more than the file it reads when that is small, and a round trip takes hundreds of manifests. */
const WHOLE_BYTES_MAX = 1024 * 1024;

async function contentHash(path: string, bytes: number): Promise<string> {
  const hash = createHash("sha256");
  if (bytes <= WHOLE_BYTES_MAX) return hash.update(await readFile(path)).digest("hex");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
