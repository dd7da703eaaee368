import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { release } from "node:os";
import { posix } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { hashOf } from "../base/hash.ts";
import type { Discovered } from "./discover.ts";
import { entries, field } from "./formats.ts";
import { isolationPackages, type Machine, npmVersion } from "./installed.ts";
import { absoluteOf, insideStack, openStack, type Roots, type StackReader } from "./reader.ts";
import type { Snapshot } from "./stack.ts";

export type SnapshotOptions = {
  /** What else is watched and was hashed already, e.g. weakdoor.yaml itself. */
  also?: Snapshot["files"];
  /** The machine that is looked at; the one we run on when not given. */
  machine?: Machine;
  signal?: AbortSignal;
};

/**
 * The state of everything whose change is a reason for a new cycle: settings, instructions, hooks, container files and
 * lock files of the stack, agents' versions, kernel, isolation packages. The same state gives the same hash. A watched
 * file that is there and cannot be read counts with `unreadable` in place of its hash.
 */
export async function takeSnapshot(
  roots: Roots,
  discovered: Discovered,
  options: SnapshotOptions = {},
): Promise<Snapshot> {
  const reader = openStack(roots);
  const machine = options.machine ?? { kernel: release(), npmRoots: NPM_ROOTS, dpkgQuery: "dpkg-query" };
  const files: Snapshot["files"] = [...(options.also ?? [])];
  for (const file of watched(discovered)) {
    const row = file === REWRITTEN ? await settingsHash(reader) : await fileHash(roots, file);
    if (row !== undefined) files.push(row);
  }
  const agents = [];
  for (const { kind } of discovered.agents) agents.push({ kind, version: await npmVersion(reader, kind, machine) });
  const state = {
    files: files.sort((a, b) => (a.path < b.path ? -1 : 1)),
    agents,
    kernel: machine.kernel,
    packages: await isolationPackages(machine, options.signal),
  };
  return { hash: hashOf(state), ...state };
}

/** Where a system keeps packages that npm installed globally. */
const NPM_ROOTS = ["/usr/local/lib/node_modules", "/usr/lib/node_modules"];

/** Claude Code writes counters into this file at each start: only what it says of servers is watched. */
const REWRITTEN = "home/.claude.json";

const LOCK_FILES = [
  "package.json",
  "package-lock.json",
  "pnpm-lock.yaml",
  "yarn.lock",
  "bun.lock",
  "uv.lock",
  "poetry.lock",
];
const BYTES_MAX = 16 * 1024 * 1024;

function watched(discovered: Discovered): string[] {
  const files = new Set([
    ...discovered.agents.flatMap((agent) => agent.files),
    ...discovered.instructionFiles.map(({ file }) => file),
    ...discovered.hooks.map(({ file }) => file),
    ...discovered.containers.map(({ file }) => file),
    ...discovered.problems.map(({ file }) => file),
    ...[...LOCK_FILES, "requirements.txt"].map((name) => `workspace/${name}`),
  ]);
  return [...files].toSorted();
}

async function settingsHash(reader: StackReader): Promise<Snapshot["files"][number]> {
  const content = await reader.json(REWRITTEN);
  const projects = entries(field(content, "projects")).map(([path, project]) => [
    path,
    field(project, "mcpServers") ?? null,
  ]);
  const servers = { user: field(content, "mcpServers") ?? null, projects, isReadable: content !== undefined };
  return { path: `${REWRITTEN}#mcpServers`, sha256: hashOf(servers), bytes: 0 };
}

/** Undefined when it is not there. Of a file over 16 MiB the beginning and the size count. */
async function fileHash(roots: Roots, file: string): Promise<Snapshot["files"][number] | undefined> {
  const unreadable = { path: file, sha256: "unreadable", bytes: 0 };
  try {
    const end = await insideStack(roots, absoluteOf(roots, posix.normalize(file)));
    if (end === undefined) return unreadable;
    const handle = await open(end, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const status = await handle.stat();
      if (!status.isFile()) return unreadable;
      const hash = createHash("sha256");
      const chunk = Buffer.alloc(64 * 1024);
      for (let at = 0; at < BYTES_MAX; ) {
        const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.length, BYTES_MAX - at), at);
        if (bytesRead === 0) break;
        hash.update(chunk.subarray(0, bytesRead));
        at += bytesRead;
      }
      return { path: file, sha256: hash.digest("hex"), bytes: status.size };
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno === undefined) throw thrown;
    return errno === "ENOENT" || errno === "ENOTDIR" ? undefined : unreadable;
  }
}
