import type { Context } from "./probe.ts";

const USUAL = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];
const DIRECTORIES_MAX = 24;
const ENTRIES_MAX = 8_000;

/** Paths by name, in the order of PATH; `isWhole` false when a directory could not be listed to its end. */
export type Programs = { paths: ReadonlyMap<string, readonly string[]>; isWhole: boolean };

/**
 * What of `names` lies in PATH and the usual directories. Each directory is listed once, whatever it is called (/bin is
 * often /usr/bin), because hundreds of names cost more to ask for one by one than to list.
 */
export async function findPrograms({ environment, ground }: Context, names: readonly string[]): Promise<Programs> {
  const own = (environment["PATH"] ?? "").split(":").filter((path) => path.startsWith("/"));
  const paths = new Map<string, string[]>();
  const wanted = new Set(names);
  const inodes = new Set<string>();
  let isWhole = true;
  for (const directory of [...new Set([...own, ...USUAL])].slice(0, DIRECTORIES_MAX)) {
    const thing = await ground.stat(directory);
    if (thing.status === "refused" || thing.value.kind !== "directory") continue;
    const inode = `${thing.value.dev}:${thing.value.ino}`;
    if (inodes.has(inode)) continue;
    inodes.add(inode);
    const listed = await ground.list(directory, ENTRIES_MAX);
    isWhole &&= listed.status === "answered" && listed.value.isWhole;
    for (const { name } of listed.status === "answered" ? listed.value.entries : []) {
      if (wanted.has(name)) paths.set(name, [...(paths.get(name) ?? []), `${directory}/${name}`]);
    }
  }
  return { paths, isWhole };
}
