import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { isAlive, killProcess, processId } from "./processes.ts";
import type { JournalHints, ProcessId } from "./stop.ts";

/**
 * The route that asks nobody: what our own journal says a sandbox consists of, its processes by pid and start time and the
 * members of its control groups.
 */
export function killRegistered(entry: Registered): void {
  for (const one of registeredAlive(entry)) killProcess(one);
}

type Registered = { processes: readonly ProcessId[]; hints: JournalHints };

/** Those of them that live, each once. Where the kernel offers it, the control groups are killed by the look. */
export function registeredAlive({ processes, hints }: Registered): ProcessId[] {
  const known = processes.filter(isAlive);
  const pids = new Set(known.map(({ pid }) => pid));
  // In each hierarchy of version 1 stand the same ones.
  const members = new Set((hints.cgroups ?? []).flatMap(emptyCgroup));
  const others = [...members].flatMap((pid) => (pids.has(pid) ? [] : (processId(pid) ?? [])));
  return [...known, ...others.filter(isAlive)];
}

/** Who is in these control groups now. */
export function membersOf(cgroups: readonly string[]): ProcessId[] {
  const pids = new Set(cgroups.flatMap(readMembers));
  return [...pids].flatMap((pid) => processId(pid) ?? []);
}

/** Through version 2's `cgroup.kill`, which also reaches what forks faster than we look; returns who is in there. */
function emptyCgroup(directory: string): number[] {
  const members = readMembers(directory);
  if (members.length === 0 || members.includes(process.pid)) return [];
  try {
    writeFileSync(join(directory, "cgroup.kill"), "1", { flag: "r+" });
  } catch (thrown) {
    // Version 1 has no such file: the caller kills member by member.
    if (!["ENOENT", "EACCES", "EPERM", "EROFS", "EOPNOTSUPP"].includes(errnoOf(thrown) ?? "")) throw thrown;
  }
  return members;
}

function readMembers(directory: string): number[] {
  try {
    return readFileSync(join(directory, "cgroup.procs"), "utf8")
      .split("\n")
      .map(Number)
      .filter((pid) => pid > 0);
  } catch (thrown) {
    if (["ENOENT", "ENODEV"].includes(errnoOf(thrown) ?? "")) return [];
    throw thrown;
  }
}
