import { readdirSync, readFileSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";
import type { ProcessId } from "./stop.ts";

/**
 * Processes, as /proc shows them. A pid alone names nothing for long: the kernel hands it out again. A pid with its start
 * time names one process until the machine restarts, so that is what we keep and the only thing we ever signal.
 */

export type Process = ProcessId & {
  /** The arguments joined by spaces; empty for a kernel thread and a zombie. The process may have written it itself. */
  commandLine: string;
  /** /proc/<pid>/cgroup as it stands: a line per hierarchy. */
  cgroup: string;
};

/** `signalled` SIGKILL was sent; whether it died is for `isAlive` to say · `gone` there is no such process any more · `not-permitted` it lives and we may not. */
export type KillOutcome = "signalled" | "gone" | "not-permitted";

/** The process that has this pid now; undefined when none has. */
export function processId(pid: number): ProcessId | undefined {
  const stat = readStat(pid);
  return stat === undefined ? undefined : { pid, startTime: stat.startTime };
}

/** False also for a zombie: it runs nothing and waits only for its parent. True for one whose main thread alone has ended. */
export function isAlive(id: ProcessId): boolean {
  const stat = readStat(id.pid);
  return stat !== undefined && stat.startTime === id.startTime && isLiving(stat);
}

function isLiving({ state, threads }: Stat): boolean {
  return (state !== "Z" && state !== "X") || threads > 1;
}

/** Has it been stopped by a signal or a debugger, so that it exists and does nothing? */
export function isStopped(id: ProcessId): boolean {
  const stat = readStat(id.pid);
  return stat !== undefined && stat.startTime === id.startTime && (stat.state === "T" || stat.state === "t");
}

/**
 * SIGKILL to this very process. Between the look at its start time and the signal lie microseconds in which the pid could
 * change hands; Node has no pidfd, so that much is left.
 */
export function killProcess(id: ProcessId): KillOutcome {
  if (!isAlive(id)) return "gone";
  try {
    process.kill(id.pid, "SIGKILL");
    return "signalled";
  } catch (thrown) {
    if (errnoOf(thrown) === "ESRCH") return "gone";
    if (errnoOf(thrown) === "EPERM") return "not-permitted";
    throw thrown;
  }
}

/**
 * Every living process that matches, but never ourselves nor those above us: a person's shell may well hold a sandbox's
 * name in its arguments, and a look that finds its own caller is no finding. Throws when /proc itself cannot be listed.
 */
export function findProcesses(match: (candidate: Process) => boolean): Process[] {
  return livingProcesses().filter((candidate) => match(candidate) && isAlive(candidate));
}

/** As `findProcesses`, all of them, each alive when it was come to. */
export function livingProcesses(): Process[] {
  const own = new Set(lineage(process.pid));
  const found: Process[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || own.has(pid)) continue;
    const candidate = readProcess(pid);
    if (candidate !== undefined) found.push(candidate);
  }
  return found;
}

/** Does the text hold this name as a whole word? `wd-a-lab-1` does not stand in `wd-a-lab-10`. */
export function holdsName(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const isPartOfAnother = /[A-Za-z0-9-]/;
    const before = text.charAt(at - 1);
    const after = text.charAt(at + name.length);
    if (!isPartOfAnother.test(before) && !isPartOfAnother.test(after)) return true;
  }
  return false;
}

function readProcess(pid: number): Process | undefined {
  const stat = readStat(pid);
  if (stat === undefined || !isLiving(stat)) return undefined;
  const commandLine = readProc(`/proc/${pid}/cmdline`);
  const cgroup = readProc(`/proc/${pid}/cgroup`);
  if (commandLine === undefined || cgroup === undefined) return undefined;
  return { pid, startTime: stat.startTime, commandLine: commandLine.replaceAll("\0", " ").trimEnd(), cgroup };
}

type Stat = { state: string; parent: number; threads: number; startTime: string };

/** proc(5). The second field is the program's name in parentheses and may itself hold spaces and parentheses, so count from the last one. */
function readStat(pid: number): Stat | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent, threads, startTime] = [fields[0], fields[1], fields[17], fields[19]];
  if (state === undefined || startTime === undefined)
    throw new Error(`/proc/${pid}/stat is of another shape: ${text}`);
  return { state, parent: Number(parent), threads: Number(threads), startTime };
}

function lineage(pid: number): number[] {
  const above: number[] = [];
  for (let at = pid; at > 0; at = readStat(at)?.parent ?? 0) above.push(at);
  return above;
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw thrown;
  }
}
