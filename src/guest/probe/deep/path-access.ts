import type { Access } from "../../observation.ts";
import { LANDLOCKED } from "../landlock.ts";
import { byPath, isHostBacked, type MountLine } from "../mounts.ts";
import { showPath } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";
import { CONTROL, denied, named, notMeasured, reachable } from "../row.ts";
import { collapse, type Subtree } from "./collapse.ts";
import { type Bounds, walk } from "./walk.ts";

const PATHS_MAX = 3_000_000;
const KEPT_MAX = 100_000;
const ROWS_MAX = 2_000;
const MS_MAX = 60_000;
/** A file system whose root does not answer in this time is not walked. */
const ANSWER_MS_MAX = 1_000;
/** Somebody else answers for these, and may never do so. */
const MAY_NOT_ANSWER = /^(fuse|nfs|cifs|smb|ceph|afs|autofs|glusterfs|lustre)/;
const IN_MEMORY = new Set(["tmpfs", "ramfs", "devtmpfs"]);

/** Only when it is asked for: it takes as long as the sandbox is large. */
export const pathAccess: Check = {
  id: "path-access",
  category: "filesystem",
  why: "A list of known places never names the one place that was opened by mistake; a map of all of them does.",
  misses:
    "Access lists and the immutable attribute; under Landlock it is not asked. Paths of one owner, group and mode on one mount are asked for " +
    "once. Files are not opened, links not followed, the kernel's own file systems and those of other machines not walked.",
  source: "access(2); path_resolution(7)",
  bounds: { rows: ROWS_MAX, timeoutMs: MS_MAX + 10_000 },
  async run(context) {
    if (context.facts.isLandlocked)
      return { rows: [notMeasured("path-access", "every path of every mount", LANDLOCKED)] };
    const bounds: Bounds = {
      deadlineMs: performance.now() + MS_MAX,
      nowMs: () => performance.now(),
      pathsLeft: PATHS_MAX,
      keptLeft: KEPT_MAX,
    };
    const places = startingPlaces(context);
    const roots = new Set(places.map(({ path }) => path));
    const found: Row[] = [];
    for (const place of places) found.push(...(await map(context, place, bounds, roots)));
    const rows = found.sort((a, b) => depth(a) - depth(b) || (a.id < b.id ? -1 : 1));
    if (rows.length > ROWS_MAX) {
      return {
        rows: rows.slice(0, ROWS_MAX),
        fellShort: `only ${ROWS_MAX} of ${rows.length} subtrees are kept, the uppermost ones`,
      };
    }
    const isOut = bounds.pathsLeft <= 0 || bounds.keptLeft <= 0 || performance.now() >= bounds.deadlineMs;
    return isOut ? { rows, fellShort: "the walk met its bounds" } : { rows };
  },
};

function depth(row: Row): number {
  return (row.place ?? "/").split("/").length;
}

type Place = { path: string; notWalked: "" | "kernel" | "remote" };

/** Every mount; what lies below /proc and /sys belongs to their one row. Without a table, the root and these two. */
function startingPlaces({ facts }: Context): Place[] {
  if (facts.mounts === undefined) {
    return [
      { path: "/", notWalked: "" },
      { path: "/proc", notWalked: "kernel" },
      { path: "/sys", notWalked: "kernel" },
    ];
  }
  const places = byPath(facts.mounts).filter(({ path }) => !/^\/(proc|sys)\//.test(path));
  return places.map((mount) => ({ path: mount.path, notWalked: whyNot(mount) }));
}

function whyNot(mount: MountLine): Place["notWalked"] {
  if (mount.path === "/proc" || mount.path === "/sys") return "kernel";
  if (MAY_NOT_ANSWER.test(mount.fsType)) return "remote";
  return IN_MEMORY.has(mount.fsType) || isHostBacked(mount) ? "" : "kernel";
}

async function map(context: Context, place: Place, bounds: Bounds, roots: ReadonlySet<string>): Promise<Row[]> {
  const { path, notWalked } = place;
  const id = idOf(context, path);
  if (notWalked === "remote") return [notMeasured(id, path, "of a file system that may never answer; not walked")];
  const thing = await inTime(context.ground.stat(path));
  if (thing === undefined) return [notMeasured(id, path, "no answer in time; not walked")];
  if (thing.status === "refused") return [notMeasured(id, path, `cannot be asked for: ${thing.errno}`)];
  if (notWalked === "kernel" || thing.value.kind !== "directory") {
    return [
      await single(
        context,
        path,
        notWalked === "kernel" ? "of the kernel's own; not walked" : `a mounted ${thing.value.kind}`,
      ),
    ];
  }
  if (bounds.pathsLeft <= 0 || performance.now() >= bounds.deadlineMs)
    return [notMeasured(id, path, "the bounds were met before it")];
  const tree = walk(path, bounds, { isElsewhere: (below) => below !== path && roots.has(below) });
  return collapse(tree, path).map((subtree) => asRow(context, subtree));
}

/** The walk asks in this thread, and a root that does not answer would hold it for ever. */
async function inTime<T>(asked: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_MS_MAX);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function single(context: Context, path: string, what: string): Promise<Row> {
  const id = idOf(context, path);
  const access: Access[] = [];
  for (const mode of ["read", "write", "execute"] as const) {
    if ((await context.ground.access(path, mode)).status === "answered") access.push(mode);
  }
  if (access.length === 0) return denied(id, path, CONTROL.read, what, path);
  return reachable(id, path, access, what, path);
}

function asRow(context: Context, subtree: Subtree): Row {
  const { path } = subtree;
  const id = idOf(context, path);
  switch (subtree.kind) {
    case "unasked":
      return { ...notMeasured(id, path, subtree.why), place: path };
    case "file": {
      const access = accessOf("--", subtree.permission, subtree.isProgram);
      if (access.length === 0) return denied(id, path, CONTROL.read, "one file", path);
      return reachable(id, path, access, "one file", path);
    }
    case "subtree": {
      const { directory, files, count } = subtree;
      const detail = `${count.paths} paths, ${count.programs} of them may be started; directories ${directory}, files ${files}`;
      const access = accessOf(directory, files, count.programs > 0);
      if (access.length === 0) return denied(id, path, CONTROL.read, detail, path);
      return reachable(id, path, access, detail, path);
    }
  }
}

function accessOf(directory: string, files: string, isProgram: boolean): Access[] {
  const access: Access[] = [];
  if (directory.includes("r")) access.push("list");
  if (files.includes("r")) access.push("read");
  if (files.includes("w")) access.push("write");
  if (directory.includes("w")) access.push("create");
  if (isProgram) access.push("execute");
  return access;
}

function idOf(context: Context, path: string): string {
  return `path-access:${named(showPath(context, path))}`;
}
