import { posix } from "node:path";
import type { DeclaredResource } from "../stack.ts";
import type { Draft, Source } from "./draft.ts";
import { below, classify, hostPath } from "./mounts.ts";

/** Where binds of a sandbox that begins with the host's own tree (bwrap, srt) are taken into. A later one covers an earlier one. */
export type Place = { draft: Draft; from: Source; declaredAt: string };

export type Bind = { source: string; path: string; mode: "ro" | "rw"; hasDevices?: boolean };

type Row = (why: string) => void;

/** What an operating system brings along: ours stands there, because the guest stands on it. */
const SYSTEM = /^\/(usr|bin|sbin|lib|lib32|lib64|libx32|etc|opt|boot|nix|gnu|snap)(\/|$)/;
/** Of these every sandbox has its own. */
const OWN = /^\/(proc|sys)(\/|$)/;

/** One bind of a path of the host. What it brings that is of the stack comes from the clone, all else is a stand-in or a row. */
export function bindInto(place: Place, bind: Bind, row: Row): void {
  const source = hostPath(bind.source, place.from);
  if (!bind.path.startsWith("/")) return row("its target is no absolute path");
  const path = clean(bind.path);
  if (bind.hasDevices === true || source === "/dev" || source.startsWith("/dev/")) addDevice(place, source, path);
  if (path === "/")
    return source === "/" ? bindMachine(place, bind.mode, row) : row("our image takes the root's place");
  if (source.startsWith("/dev/") || source === "/dev") return;
  if (SYSTEM.test(`${path}/`) || OWN.test(`${path}/`)) return row("our image has its own there");
  uncover(place.draft, path);
  place.draft.resources.push({
    source: bind.source,
    path,
    mode: bind.mode,
    ...classify(source, place.from.original),
    declaredAt: place.declaredAt,
  });
  // Of everything around home and workspace, these two are what the clone has.
  for (const inner of innerOf(source, place.from)) {
    const at = posix.join(path, posix.relative(source, inner.host));
    place.draft.resources.push({
      source: inner.host,
      path: at,
      mode: bind.mode,
      kind: inner.kind,
      logical: inner.logical,
      declaredAt: place.declaredAt,
    });
  }
}

/** An empty place of its own, over whatever was there. */
export function cover(place: Place, written: string, source: string, row: Row): void {
  if (!written.startsWith("/")) return row("its target is no absolute path");
  const path = clean(written);
  if (path === "/" || SYSTEM.test(`${path}/`) || OWN.test(`${path}/`)) return row("our image has its own there");
  // A directory that is made is there already when something was bound; a file system covers what was.
  if (source === "dir" && place.draft.resources.some((resource) => below(path, resource.path) !== undefined)) return;
  uncover(place.draft, path);
  place.draft.resources.push({ kind: "volume", source, path, mode: "rw", declaredAt: place.declaredAt });
}

/** The whole machine: of it the clone has home and workspace, and our image the system. */
function bindMachine({ draft, from, declaredAt }: Place, mode: "ro" | "rw", row: Row): void {
  draft.isMachineRoot = true;
  draft.readOnlyRoot = mode === "ro";
  draft.resources = draft.resources.filter(({ kind }) => kind === "device");
  for (const { host, kind, logical } of innerOf("/", from)) {
    draft.resources.push({ kind, source: host, path: host, mode, logical, declaredAt });
  }
  row("the machine's own system and files are not here: our image, the home and the workspace of the clone are");
}

function innerOf(source: string, { original }: Source) {
  const both = [
    { host: original.home, kind: "home-directory" as const, logical: "home" },
    { host: original.workspace, kind: "workspace" as const, logical: "workspace" },
  ];
  const outer = source === "/" ? "" : source;
  return both.filter(({ host }) => host.startsWith(`${outer}/`));
}

function addDevice({ draft, declaredAt }: Place, source: string, path: string): void {
  const device = source === "/" ? "/dev" : source;
  if (!device.startsWith("/dev")) return;
  draft.resources.push({
    kind: "device",
    source: device,
    path: source === "/" ? "/dev" : path,
    mode: "rw",
    declaredAt,
  });
}

function uncover(draft: Draft, path: string): void {
  draft.resources = draft.resources.filter(
    (resource: DeclaredResource) => resource.kind === "device" || below(resource.path, path) === undefined,
  );
}

function clean(path: string): string {
  return posix.normalize(path).replace(/(?<=.)\/$/, "");
}
