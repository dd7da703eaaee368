import { accessSync, constants, type Dirent, lstatSync, opendirSync } from "node:fs";
import { type Count, type Permission, plant, type Tree } from "./collapse.ts";

/**
 * One mount, path by path. The kernel is asked in this thread, because a question put through another one costs five
 * times as much; so only file systems that answer at once are walked (see path-access.ts). Nothing is opened but
 * directories, and no link is followed.
 */
export type Bounds = {
  /** On the clock of `nowMs`. */
  deadlineMs: number;
  nowMs: () => number;
  pathsLeft: number;
  /** Directories that are kept because they differ; beyond that the walk ends, so that memory has a bound. */
  keptLeft: number;
};

export type Stop = {
  /** True for what is walked on its own, or not at all. */
  isElsewhere(path: string): boolean;
};

/** Files that differ from the others of their directory and are named; when there are more, their number is. */
const EXCEPTIONS_MAX = 16;
const LIST_AT_ONCE = 512;
const OUT = "the time, the paths or the memory allowed were used up";

type Asked = { permission: Permission; isProgram: boolean };
/** By owner, group and mode: the kernel decides by these alone, but for what `misses` of the check names. */
type Known = Map<string, Asked>;

export function walk(path: string, bounds: Bounds, stop: Stop): Tree {
  return new Walk(bounds, stop).directory(path, path);
}

class Walk {
  readonly known: Known = new Map();
  readonly bounds: Bounds;
  readonly stop: Stop;

  constructor(bounds: Bounds, stop: Stop) {
    this.bounds = bounds;
    this.stop = stop;
  }

  directory(path: string, name: string): Tree {
    const own = this.ask(path);
    const empty = {
      name,
      directory: own?.permission ?? "--",
      exceptions: [],
      below: [],
      count: { paths: 1, programs: 0 },
    };
    const listed = this.list(path);
    if (listed.status === "refused")
      return plant({ ...empty, unasked: `cannot be listed: ${listed.errno}` }, undefined);
    const { files, directories, unasked, count } = listed;
    const { usual, exceptions, hidden } = sort(files);
    const below: Tree[] = [];
    const reasons = [...unasked, ...hidden];
    for (const child of directories) {
      if (this.isOut()) {
        reasons.push(OUT);
        break;
      }
      below.push(this.directory(join(path, child), child));
    }
    const tree = plant({ ...empty, count, exceptions, below, unasked: reasons.join("; ") }, usual);
    this.bounds.keptLeft -= tree.below.length + exceptions.length;
    return tree;
  }

  list(path: string): Listed {
    const files = new Map<Permission, { names: string[]; programs: Set<string>; total: number }>();
    const directories: string[] = [];
    const unasked = new Map<string, number>();
    const count: Count = { paths: 1, programs: 0 };
    try {
      const open = opendirSync(path, { bufferSize: LIST_AT_ONCE });
      try {
        for (let entry = open.readSync(); entry !== null; entry = open.readSync()) {
          if (entry.isSymbolicLink()) continue;
          const below = join(path, entry.name);
          if (this.stop.isElsewhere(below)) continue;
          if (--this.bounds.pathsLeft % 256 === 0 && this.isOut()) {
            unasked.set(OUT, 1);
            break;
          }
          this.entry({ entry, below, files, directories, unasked, count });
        }
      } finally {
        open.closeSync();
      }
    } catch (thrown) {
      return { status: "refused", errno: errnoOf(thrown) };
    }
    const why = [...unasked].map(([errno, times]) =>
      errno === OUT ? OUT : `${times} could not be asked for: ${errno}`,
    );
    return { status: "listed", files, directories: directories.sort(), unasked: why, count };
  }

  entry(
    to: { entry: Dirent; below: string } & Omit<Extract<Listed, { status: "listed" }>, "status" | "unasked"> & {
        unasked: Map<string, number>;
      },
  ): void {
    const { entry, below, files, directories, unasked, count } = to;
    if (entry.isDirectory()) {
      directories.push(entry.name);
      return;
    }
    const asked = this.ask(below);
    if (asked === undefined || entry.name.includes("\ufffd")) {
      const why = entry.name.includes("\ufffd") ? "the name is not UTF-8" : "no answer";
      unasked.set(why, (unasked.get(why) ?? 0) + 1);
      return;
    }
    const alike = files.get(asked.permission) ?? { names: [], programs: new Set(), total: 0 };
    files.set(asked.permission, alike);
    alike.total++;
    count.paths++;
    if (asked.isProgram) count.programs++;
    if (alike.names.length > EXCEPTIONS_MAX) return;
    alike.names.push(entry.name);
    if (asked.isProgram) alike.programs.add(entry.name);
  }

  /** Undefined when the path has gone or may not be asked for. */
  ask(path: string): Asked | undefined {
    try {
      const { uid, gid, mode } = lstatSync(path);
      const key = `${uid}:${gid}:${mode}`;
      const known = this.known.get(key);
      if (known !== undefined) return known;
      const isProgram = may(path, constants.X_OK);
      const isDirectory = (mode & constants.S_IFMT) === constants.S_IFDIR;
      const isEntered = !isDirectory || isProgram;
      const read = isEntered && may(path, constants.R_OK) ? "r" : "-";
      const write = isEntered && may(path, constants.W_OK) ? "w" : "-";
      const asked: Asked = { permission: `${read}${write}`, isProgram: isProgram && !isDirectory };
      this.known.set(key, asked);
      return asked;
    } catch (thrown) {
      errnoOf(thrown);
      return undefined;
    }
  }

  isOut(): boolean {
    const { pathsLeft, keptLeft, nowMs, deadlineMs } = this.bounds;
    return pathsLeft <= 0 || keptLeft <= 0 || nowMs() >= deadlineMs;
  }
}

type Alike = ReadonlyMap<Permission, { names: string[]; programs: ReadonlySet<string>; total: number }>;
type Listed =
  | { status: "refused"; errno: string }
  | {
      status: "listed";
      files: Map<Permission, { names: string[]; programs: Set<string>; total: number }>;
      directories: string[];
      unasked: string[];
      count: Count;
    };

/** What most files may be, and those that may be something else, by name or, when they are many, by number. */
function sort(files: Alike): { usual: Permission | undefined; exceptions: Tree["exceptions"]; hidden: string[] } {
  const order = [...files].sort(([a, x], [b, y]) => y.total - x.total || (a < b ? -1 : 1));
  const exceptions: Tree["exceptions"] = [];
  const hidden: string[] = [];
  for (const [permission, { names, programs, total }] of order.slice(1)) {
    if (total > EXCEPTIONS_MAX) hidden.push(`${total} files directly in it are ${permission} and not named`);
    else exceptions.push(...names.map((name) => ({ name, permission, isProgram: programs.has(name) })));
  }
  return { usual: order[0]?.[0], exceptions, hidden };
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch (thrown) {
    errnoOf(thrown);
    return false;
  }
}

/** Throws what is no refusal of the kernel. */
function errnoOf(thrown: unknown): string {
  if (
    thrown instanceof Error &&
    "code" in thrown &&
    typeof thrown.code === "string" &&
    /^E[A-Z0-9]+$/.test(thrown.code)
  )
    return thrown.code;
  throw thrown;
}

function join(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}
