import type { Access } from "../observation.ts";
import type { Facts } from "./facts.ts";
import { isHostBacked, mountOf } from "./mounts.ts";
import type { Context, Row } from "./probe.ts";
import { absent, CONTROL, denied, isAbsence, mechanism, named, notMeasured, reachable } from "./row.ts";

/**
 * Places as the tables of the checks write them: `~/.aws/credentials` in the home, `/etc/shadow` as it stands, all
 * else relative to the workspace. The same text is the instance of the id, so that no id holds a person's path.
 */
export function resolvePlace(context: Context, place: string): string | undefined {
  if (place.startsWith("/")) return place;
  if (place.startsWith("~/"))
    return context.facts.home === undefined ? undefined : under(context.facts.home, place.slice(2));
  return context.facts.workspace === undefined ? undefined : under(context.facts.workspace, place);
}

function under(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}

/**
 * An absolute path as an id may show it: `~/…` below the home, relative below the workspace. The workspace itself keeps
 * its path, so that it is called the same in a room that has no home.
 */
export function showPath({ facts }: { facts: Pick<Facts, "home" | "workspace"> }, path: string): string {
  const { home, workspace } = facts;
  if (path === workspace) return path;
  if (workspace !== undefined && path.startsWith(`${workspace}/`)) return path.slice(workspace.length + 1);
  if (home !== undefined && home !== "/" && path.startsWith(`${home}/`)) return `~${path.slice(home.length)}`;
  return path;
}

/** False for a name whose bytes are not UTF-8: what JavaScript makes of it names nothing. */
export function isSpelt(name: string): boolean {
  return !name.includes("\ufffd");
}

export const NOT_SPELT = "the name is not UTF-8 and cannot be asked for";

/** Said in a row when the request names no home or no workspace. */
export function unplaced(check: string, place: string): Row {
  const what = place.startsWith("~/") ? "home" : "workspace";
  return notMeasured(`${check}:${named(place)}`, place, `no ${what} was named`);
}

/**
 * May the file or directory be read, and written? Asked of its type and its permissions; it is never opened. An empty
 * file and a device in its place are how runtimes hide one, and count as hidden.
 */
export async function askSecretPlace(context: Context, check: string, place: string, what: string): Promise<Row> {
  const path = resolvePlace(context, place);
  if (path === undefined) return unplaced(check, place);
  const id = `${check}:${named(place)}`;
  const thing = await context.ground.stat(path);
  if (thing.status === "refused") {
    if (isAbsence(thing.errno)) return absent(id, what, `${thing.errno}: not there`);
    return denied(id, what, CONTROL.read, mechanism(thing.errno), path);
  }
  const { kind, size } = thing.value;
  if (kind === "character") return denied(id, what, CONTROL.read, "hidden behind a device", path);
  if (kind === "file" && size === 0) return absent(id, what, "there, but empty");
  const isReadable = await context.ground.access(path, "read");
  if (isReadable.status === "refused") return denied(id, what, CONTROL.read, mechanism(isReadable.errno), path);
  const isWritable = (await context.ground.access(path, "write")).status === "answered";
  const access: Access[] = [kind === "directory" ? "list" : "read", ...(isWritable ? (["write"] as const) : [])];
  return reachable(
    id,
    what,
    access,
    `${kind}, ${isWritable ? "may be read and rewritten" : "may be read"}; not opened`,
    path,
  );
}

/** True when what is written there is still there after the sandbox; undefined when the mount table is hidden. */
export function isKept(context: Context, path: string): boolean | undefined {
  const { mounts } = context.facts;
  if (mounts === undefined) return undefined;
  const mount = mountOf(mounts, path);
  return mount === undefined ? undefined : isHostBacked(mount);
}

/** Whether a directory or file may be written, as a row. */
export async function askWritable(context: Context, id: string, what: string, path: string): Promise<Row> {
  const thing = await context.ground.stat(path);
  if (thing.status === "refused" && isAbsence(thing.errno)) return absent(id, what, `${thing.errno}: not there`);
  if (thing.status === "refused") return denied(id, what, CONTROL.write, mechanism(thing.errno), path);
  const writable = await context.ground.access(path, "write");
  if (writable.status === "refused") return denied(id, what, CONTROL.write, mechanism(writable.errno), path);
  return reachable(id, what, ["write"], "permissions and mount allow writing; nothing was written", path);
}
