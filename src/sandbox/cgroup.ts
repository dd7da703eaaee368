import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { killProcess, processId } from "../stop/processes.ts";
import type { DriverKind, SandboxSpec } from "./sandbox.ts";

/**
 * The kernel's limits on a tree of processes, in a control group of our own: `weakdoor-<kind>/<name>` in each
 * hierarchy of version 1, or in the one of version 2. It also names every process of the sandbox, whatever that does to its command line.
 */
export type Cgroups =
  | { status: "usable"; version: 1 | 2 /** Of this backend, one a hierarchy. */; parents: readonly string[] }
  /** No limit can be set, and why. */
  | { status: "unusable"; reason: string };

const MOUNT = "/sys/fs/cgroup";
const CONTROLLERS_V1 = ["memory", "pids", "cpu"] as const;

/** Tries it: a directory is made and removed. Changes nothing but the backend's own parent directory, which stays until `removeEmptyParents`. */
export function findCgroups(kind: DriverKind, mount: string = MOUNT): Cgroups {
  const { version, roots } = hierarchiesOf(mount);
  const parents = roots.map((root) => join(root, `weakdoor-${kind}`));
  try {
    for (const parent of parents) {
      const trial = join(parent, `trial-${process.pid}`);
      makeBelow(parent, trial, version);
      rmdirSync(trial);
    }
    return { status: "usable", version, parents };
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (!["EACCES", "EPERM", "EROFS", "ENOENT", "EBUSY", "EINVAL", "ENOTSUP"].includes(code ?? "")) throw thrown;
    return { status: "unusable", reason: `${mount} cannot be written to (${code})` };
  }
}

/** The directories that will hold the sandbox of this name, or none. */
export function cgroupsOf(cgroups: Cgroups, name: string): string[] {
  if (cgroups.status === "unusable") return [];
  return cgroups.parents.map((parent) => join(parent, name));
}

/** Makes them with these limits. A process that writes 0 to their `cgroup.procs` is in, and so is what it starts. */
export function makeCgroups(cgroups: Cgroups, name: string, limits: SandboxSpec["limits"]): string[] {
  if (cgroups.status === "unusable") return [];
  const directories = cgroupsOf(cgroups, name);
  for (const directory of directories) makeBelow(dirname(directory), directory, cgroups.version);
  const write = (file: string, value: string): void => {
    for (const directory of directories)
      if (existsSync(join(directory, file))) writeFileSync(join(directory, file), value);
  };
  const bytes = String(limits.memoryMiB * 1024 * 1024);
  const [periodUs, quotaUs] = [100_000, Math.max(1_000, Math.round(limits.cpus * 100_000))];
  if (cgroups.version === 2) {
    write("memory.max", bytes);
    write("memory.swap.max", "0");
    write("memory.oom.group", "1");
    write("cpu.max", `${quotaUs} ${periodUs}`);
  } else {
    write("memory.limit_in_bytes", bytes);
    // Memory and swap together; absent where the kernel does not count swap.
    write("memory.memsw.limit_in_bytes", bytes);
    write("cpu.cfs_period_us", String(periodUs));
    write("cpu.cfs_quota_us", String(quotaUs));
  }
  write("pids.max", String(limits.pids));
  return directories;
}

/** Kills whatever is in there, round after round until nothing is, and removes them. Leaves what does not die in a second. */
export async function removeCgroups(directories: readonly string[]): Promise<void> {
  const endsAtMs = performance.now() + 1_000;
  for (const directory of directories) {
    while (existsSync(directory) && performance.now() < endsAtMs) {
      killMembers(directory);
      if (tryRemove(directory)) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Sandboxes that have a control group now. */
export function listCgroups(cgroups: Cgroups): string[] {
  if (cgroups.status === "unusable") return [];
  const names = cgroups.parents.flatMap((parent) =>
    existsSync(parent) ? readdirSync(parent, { withFileTypes: true }) : [],
  );
  return names.filter((entry) => entry.isDirectory() && entry.name.startsWith("wd-")).map((entry) => entry.name);
}

/**
 * The parents in which no sandbox of anybody's is, once a cycle is over. Removing one that is in use fails, and one that is
 * removed under somebody who is about to use it is made anew by him.
 */
export function removeEmptyParents(mount: string = MOUNT): void {
  for (const root of hierarchiesOf(mount).roots) {
    const names = existsSync(root) ? readdirSync(root) : [];
    for (const name of names) if (name.startsWith("weakdoor-")) tryRemove(join(root, name));
  }
}

function hierarchiesOf(mount: string): { version: 1 | 2; roots: string[] } {
  if (existsSync(join(mount, "cgroup.controllers"))) return { version: 2, roots: [mount] };
  return { version: 1, roots: CONTROLLERS_V1.map((controller) => join(mount, controller)) };
}

/** So often may somebody else's cycle end between our two directories. */
const REMOVALS_MAX = 20;

/** With its parent, which another cycle that ends at this moment may take away again as long as it is empty. */
function makeBelow(parent: string, directory: string, version: 1 | 2): void {
  for (let attempt = 1; ; attempt++) {
    try {
      makeDirectory(parent);
      if (version === 2) for (const level of [dirname(parent), parent]) handDown(level);
      return makeDirectory(directory);
    } catch (thrown) {
      if (errnoOf(thrown) !== "ENOENT" || attempt === REMOVALS_MAX || !existsSync(dirname(parent))) throw thrown;
    }
  }
}

/** One level only: asked for more, Node never comes back where the kernel says ENOENT to a mkdir in its own file systems. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
  } catch (thrown) {
    if (errnoOf(thrown) !== "EEXIST") throw thrown;
  }
}

function killMembers(directory: string): void {
  for (const pid of readFileSync(join(directory, "cgroup.procs"), "utf8").split("\n").map(Number)) {
    const id = pid > 0 ? processId(pid) : undefined;
    if (id !== undefined) killProcess(id);
  }
}

function tryRemove(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return true;
    if (["EBUSY", "ENOTEMPTY", "EACCES", "EPERM", "EROFS"].includes(errnoOf(thrown) ?? "")) return false;
    throw thrown;
  }
}

/** Version 2 gives the level below a controller only where this says so. */
function handDown(level: string): void {
  writeFileSync(join(level, "cgroup.subtree_control"), "+memory +pids +cpu");
}
