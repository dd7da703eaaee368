import type { Entry } from "../ground.ts";
import { byPath } from "../mounts.ts";
import { isSpelt } from "../paths.ts";
import type { Context } from "../probe.ts";

/** Bounds of the walk: a home with a million files must not cost more than one with a thousand. */
const DIRECTORIES_MAX = 1_200;
const ENTRIES_MAX = 8_000;
const ENTRIES_OF_ONE_MAX = 500;
const DEPTH_MAX = 5;
/** Directories asked at a time. */
const AT_ONCE = 16;

const USUAL = [
  "/run",
  "/var/run",
  "/tmp",
  "/var/tmp",
  "/dev",
  "/srv",
  "/mnt",
  "/opt",
  "/home",
  "/root",
  "/var/lib",
  "/",
];
const NOT_ENTERED = /^\/(proc|sys)(\/|$)|\/(node_modules|\.git|site-packages|__pycache__)$/;

/** `unspelt`: directories that could not be entered, because their names are not UTF-8. */
export type Found = { paths: string[]; unspelt: string[]; isWhole: boolean };

/**
 * Paths of unix sockets by the type in the directory entry, nothing opened but directories, no link followed. Layer by
 * layer, mounted things first: that is how a socket from outside comes in, and usually not deep down.
 */
export async function findSockets(context: Context): Promise<Found> {
  const paths = new Set<string>();
  const unspelt = new Set<string>();
  const seen = new Set<string>();
  const found = (isWhole: boolean): Found => ({ paths: [...paths].sort(), unspelt: [...unspelt].sort(), isWhole });
  let layer = await entrances(context, paths);
  let entriesLeft = ENTRIES_MAX;
  let isWhole = true;
  for (let depth = 0; layer.length > 0; depth++) {
    if (depth > DEPTH_MAX) return found(false);
    const next: string[] = [];
    for (let at = 0; at < layer.length; at += AT_ONCE) {
      const batch = layer.slice(at, at + AT_ONCE).filter((path) => !seen.has(path));
      if (seen.size >= DIRECTORIES_MAX || entriesLeft <= 0) return found(false);
      for (const path of batch) seen.add(path);
      const listings = await Promise.all(batch.map((path) => context.ground.list(path, ENTRIES_OF_ONE_MAX)));
      for (const [index, listing] of listings.entries()) {
        if (listing.status === "refused") continue;
        entriesLeft -= listing.value.entries.length;
        isWhole &&= listing.value.isWhole;
        sort(batch[index] ?? "", listing.value.entries, paths, { next, unspelt });
      }
    }
    layer = next;
  }
  return found(isWhole);
}

type Directories = { next: string[]; unspelt: Set<string> };

function sort(
  directory: string,
  entries: readonly Entry[],
  sockets: Set<string>,
  { next, unspelt }: Directories,
): void {
  for (const { name, kind } of entries) {
    const path = directory === "/" ? `/${name}` : `${directory}/${name}`;
    if (kind === "socket") sockets.add(path);
    if (kind !== "directory" || NOT_ENTERED.test(path)) continue;
    if (isSpelt(name)) next.push(path);
    else unspelt.add(path);
  }
}

/** Where the walk begins, each directory once; what is mounted and is itself a socket goes into `sockets`. */
async function entrances({ facts, ground }: Context, sockets: Set<string>): Promise<string[]> {
  const mounted = byPath(facts.mounts ?? []).map((mount) => mount.path);
  const own = [facts.home, facts.workspace].filter((path) => path !== undefined);
  const directories: string[] = [];
  const inodes = new Set<string>();
  for (const path of [...mounted.filter((path) => path !== "/" && !NOT_ENTERED.test(path)), ...own, ...USUAL]) {
    const thing = await ground.stat(path);
    if (thing.status === "refused") continue;
    if (thing.value.kind === "socket") sockets.add(path);
    const inode = `${thing.value.dev}:${thing.value.ino}`;
    if (thing.value.kind !== "directory" || inodes.has(inode)) continue;
    inodes.add(inode);
    directories.push(path);
  }
  return directories;
}
