import { netnsOf } from "../stop/netns.ts";
import { findProcesses, holdsName, processId } from "../stop/processes.ts";
import { membersOf } from "../stop/registered.ts";
import type { JournalHints, ProcessId } from "../stop/stop.ts";
import type { Sandbox } from "./sandbox.ts";

/**
 * What is known of a sandbox from when it lived, so that its remains are told also when they bear neither its name nor its
 * control group: the processes it consisted of, and the network namespaces they were in.
 */
export type Life = {
  processes: readonly ProcessId[];
  /** Inodes, those of our own left out. */
  netns: readonly string[];
  /** When it was last known to live. */
  aliveUntil: Date;
};

/** What stands in the journal once it is born. Nobody of these may be ourselves: what is written there gets killed. */
export function lifeAtBirth({ pid, hints = {} }: Pick<Sandbox, "pid" | "hints">): {
  processes: ProcessId[];
  hints: JournalHints;
} {
  const first = processId(pid);
  const others = membersOf(hints.cgroups ?? []).filter((one) => one.pid !== pid);
  const processes = [...(first === undefined ? [] : [first]), ...others].filter((one) => one.pid !== process.pid);
  return { processes, hints: { ...hints, netns: namespacesOf(processes) } };
}

/** From the journal, and from what bears its name at this moment: for one whose birth was never written down. */
export function lifeNow(name: string, known: Partial<Life>, lastSeen: Date): Life {
  const named = findProcesses((p) => holdsName(p.commandLine, name) || holdsName(p.cgroup, name));
  const { processes = [], netns = [], aliveUntil = lastSeen } = known;
  return { processes, netns: [...new Set([...netns, ...namespacesOf(named)])], aliveUntil };
}

function namespacesOf(processes: readonly ProcessId[]): string[] {
  return [...new Set(processes.flatMap(({ pid }) => netnsOf(pid) ?? []))];
}
