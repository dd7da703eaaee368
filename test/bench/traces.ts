import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { findProcesses } from "../../src/stop/processes.ts";

/** What our work may leave on the machine and in this process. Counts, but for the two of memory. */
export type Traces = {
  processes: number;
  mounts: number;
  cgroups: number;
  temporary: number;
  namespaces: number;
  descriptors: number;
  heapMiB: number;
  residentMiB: number;
};

export const TRACES: readonly (keyof Traces)[] = [
  "processes",
  "mounts",
  "cgroups",
  "temporary",
  "namespaces",
  "descriptors",
  "heapMiB",
  "residentMiB",
];

/**
 * `marks` are what the names of all our sandboxes and directories hold, one of them each, so that what others do on the
 * machine is not counted. Descriptors and memory are this process's own, after a collection.
 */
export function tracesOf(marks: readonly string[]): Traces {
  const isOurs = (text: string) => marks.some((mark) => text.includes(mark));
  const collect = gc();
  collect();
  const memory = process.memoryUsage();
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter(isOurs);
  const ours = findProcesses((p) => isOurs(p.commandLine) || isOurs(p.cgroup));
  return {
    processes: ours.length,
    mounts: readFileSync("/proc/self/mountinfo", "utf8").split("\n").filter(isOurs).length,
    cgroups: below("/sys/fs/cgroup").filter(isOurs).length,
    temporary: readdirSync(tmpdir()).filter((name) => name.startsWith("wd-pair-") || isOurs(name)).length,
    // An engine keeps a container's network namespace by a mount.
    namespaces: mounts.filter((line) => line.includes(" nsfs ")).length,
    descriptors: readdirSync("/proc/self/fd").length,
    heapMiB: (memory.heapUsed + memory.external) / MIB,
    residentMiB: memory.rss / MIB,
  };
}

const MIB = 1024 * 1024;

function gc(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

function below(root: string): string[] {
  return readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}
