import { constants, type Dirent } from "node:fs";
import { open, readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { type Parser, parseJson, parseToml, parseYaml } from "./formats.ts";

/**
 * Reads files of a stack by their logical names, `home/.claude.json` or `workspace/.mcp.json`. It reads at most 1 MiB
 * of a file, opens nothing but regular files, and follows a link only while its end stays inside home or workspace.
 * What cannot be read or parsed becomes a problem, once; what is not there is simply not there.
 */
export type StackReader = {
  readonly roots: Roots;
  readonly problems: readonly Problem[];
  /** Undefined when absent, or when a problem was recorded. */
  text(file: string): Promise<string | undefined>;
  /** JSON, also with comments, trailing commas and a byte order mark. */
  json(file: string): Promise<unknown>;
  toml(file: string): Promise<unknown>;
  yaml(file: string): Promise<unknown>;
  /** Names in a directory, sorted, without links; empty when it is absent. At most 2,000. */
  list(directory: string): Promise<{ name: string; isDirectory: boolean }[]>;
  /** Files below a directory whose path satisfies `matches`, sorted. Never enters a link, `.git` or `node_modules`. */
  walk(directory: string, matches: (file: string) => boolean): Promise<string[]>;
  /** Records what a caller found wrong in a file. */
  problem(file: string, line: number | null, message: string): void;
};

/** Absolute directories: the real stack's, or a clone's. */
export type Roots = { home: string; workspace: string };

/** `line` is from 1, null when it is about the file as a whole. */
export type Problem = { file: string; line: number | null; message: string };

const FILE_BYTES_MAX = 1024 * 1024;
const NAMES_MAX = 2_000;
const DEPTH_MAX = 12;
const ENTRIES_MAX = 20_000;
const NOT_ENTERED = new Set([".git", "node_modules", ".venv", "dist", "target", ".cache", ".weakdoor"]);

export function openStack(roots: Roots): StackReader {
  const problems: Problem[] = [];
  const texts = new Map<string, Promise<string | undefined>>();
  const problem = (file: string, line: number | null, message: string): void => {
    const row = { file, line, message: oneLine(message, 200) };
    if (!problems.some((p) => p.file === file && p.line === line && p.message === row.message)) problems.push(row);
  };
  const text = (file: string): Promise<string | undefined> => {
    const known = texts.get(file) ?? readText(roots, file, problem);
    texts.set(file, known);
    return known;
  };
  const parsed = async (file: string, parse: Parser): Promise<unknown> => {
    const source = await text(file);
    if (source === undefined) return undefined;
    try {
      return parse(source.replace(/^\ufeff/, ""), (line, message) => problem(file, line, message));
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      problem(file, null, `nested too deeply to be read: ${thrown.message}`);
      return undefined;
    }
  };
  return {
    roots,
    problems,
    text,
    problem,
    json: (file) => parsed(file, parseJson),
    toml: (file) => parsed(file, parseToml),
    yaml: (file) => parsed(file, parseYaml),
    list: (directory) => listNames(roots, directory, problem),
    walk: (directory, matches) => walkFiles(roots, directory, matches, problem),
  };
}

/** The absolute path of a logical name. Throws on anything that is not below `home/` or `workspace/`. */
export function absoluteOf(roots: Roots, file: string): string {
  const [root = "", ...rest] = file.split("/");
  if ((root !== "home" && root !== "workspace") || rest.includes(".."))
    throw new TypeError(`no file of a stack: ${file}`);
  return join(roots[root], ...rest);
}

/** The end of a path when it is inside home or workspace, also through links; undefined when it is outside. */
export async function insideStack(roots: Roots, path: string): Promise<string | undefined> {
  const end = await realpath(path);
  for (const root of [roots.home, roots.workspace]) {
    const top = await realpath(root);
    if (end === top || end.startsWith(top.endsWith(sep) ? top : top + sep)) return end;
  }
  return undefined;
}

type Report = (file: string, line: number | null, message: string) => void;

async function readText(roots: Roots, file: string, report: Report): Promise<string | undefined> {
  try {
    const end = await insideStack(roots, absoluteOf(roots, file));
    if (end === undefined) {
      report(file, null, "a link that leads out of the stack: not followed");
      return undefined;
    }
    // Non-blocking, so that a FIFO put there cannot hold us; no link, because `end` is already resolved.
    const handle = await open(end, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const status = await handle.stat();
      if (!status.isFile()) {
        report(file, null, "not a regular file");
        return undefined;
      }
      const buffer = Buffer.alloc(Math.min(status.size, FILE_BYTES_MAX) + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
        length += bytesRead;
        if (bytesRead === 0 || length === buffer.length) break;
      }
      if (status.size > FILE_BYTES_MAX || length > FILE_BYTES_MAX) {
        report(file, null, "larger than 1 MiB: not read");
        return undefined;
      }
      return buffer.subarray(0, length).toString("utf8");
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    return unreadable(thrown, file, report);
  }
}

/** Absent is no problem; any other refusal of the file system is one; the rest is a bug and thrown on. */
function unreadable(thrown: unknown, file: string, report: Report): undefined {
  const errno = errnoOf(thrown);
  if (errno === undefined) throw thrown;
  if (errno !== "ENOENT" && errno !== "ENOTDIR") report(file, null, `cannot be read (${errno})`);
  return undefined;
}

async function listNames(roots: Roots, directory: string, report: Report) {
  const entries = (await entriesOf(roots, directory, report)).filter((e) => e.isFile() || e.isDirectory());
  if (entries.length > NAMES_MAX)
    report(directory, null, `only ${NAMES_MAX} of ${entries.length} names were looked at`);
  return entries
    .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .slice(0, NAMES_MAX);
}

async function entriesOf(roots: Roots, directory: string, report: Report): Promise<Dirent[]> {
  const path = absoluteOf(roots, directory);
  try {
    if ((await insideStack(roots, path)) === undefined) {
      report(directory, null, "a link that leads out of the stack: not followed");
      return [];
    }
    if (!(await stat(path)).isDirectory()) return [];
    return await readdir(path, { withFileTypes: true });
  } catch (thrown) {
    unreadable(thrown, directory, report);
    return [];
  }
}

async function walkFiles(roots: Roots, top: string, matches: (file: string) => boolean, report: Report) {
  const found: string[] = [];
  let entriesLeft = ENTRIES_MAX;
  const visit = async (directory: string, depth: number): Promise<void> => {
    for (const entry of (await entriesOf(roots, directory, report)).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entriesLeft-- <= 0) return report(top, null, `only its first ${ENTRIES_MAX} entries were looked at`);
      const file = `${directory}/${entry.name}`;
      if (entry.isFile() && matches(file)) found.push(file);
      if (!entry.isDirectory() || NOT_ENTERED.has(entry.name)) continue;
      if (depth === DEPTH_MAX) report(top, null, `nothing below ${DEPTH_MAX} levels was looked at`);
      else await visit(file, depth + 1);
    }
  };
  await visit(top, 1);
  return found;
}
