import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";
import { isAlive, processId } from "./processes.ts";

/**
 * The network namespace of a sandbox, by the inode that names it while it lives. A helper that leaked keeps it even when
 * it bears no name of ours and sits in no control group of ours. The kernel hands a freed inode out again at once, so who
 * is in a namespace of that number now is only one of ours if it was there while the sandbox lived.
 */

/** Inode of this process's network namespace; undefined when it is the one that we are in, when there is no such process, or when we may not ask. */
export function netnsOf(pid: number): string | undefined {
  const inode = inodeOf(pid);
  return inode === "hidden" || inode === inodeOf(process.pid) ? undefined : inode;
}

/** Who is in which network namespace; "hidden" when this user may not ask. */
export type NetnsMember = { pid: number; inode: string };

/** Every process, ourselves too. */
export function netnsMembers(): NetnsMember[] {
  return readdirSync("/proc").flatMap((entry) => {
    const pid = Number(entry);
    const inode = Number.isInteger(pid) ? inodeOf(pid) : undefined;
    return inode === undefined ? [] : [{ pid, inode }];
  });
}

export type Holders = {
  /** `pid N (program)` and mount points. */
  held: string[];
  /** Processes of other users, whose namespace this user may not ask for. */
  hidden: number;
};

/**
 * What holds the namespace: processes in it that were started before `aliveUntil`, when the sandbox was last known to live,
 * and mounts of it. If only later ones are in it, the number belongs to another namespace now. Misses a namespace held by
 * nothing but an open descriptor, and a process without our marks that was forked after that moment. `members`: of a look
 * that began when all of the sandbox had been told to end.
 */
export function netnsHolders(inode: string, aliveUntil: Date, members: NetnsMember[] = netnsMembers()): Holders {
  const untilTicks = ticksAt(aliveUntil);
  let hidden = 0;
  let later = 0;
  const held: string[] = [];
  for (const { pid, inode: found } of members) {
    if (found !== inode && found !== "hidden") continue;
    const id = processId(pid);
    if (id === undefined || !isAlive(id)) continue;
    if (found === "hidden") hidden++;
    else if (Number(id.startTime) > untilTicks) later++;
    else held.push(`pid ${pid} (${nameOf(pid)})`);
  }
  if (held.length > 0 || later === 0) held.push(...mountsOf(inode));
  return { held, hidden };
}

/** proc(5), field 22 of stat: clock ticks since the machine started; Linux counts 100 a second for every program. */
const TICKS_PER_S = 100;

function ticksAt(moment: Date): number {
  const uptimeS = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  return Math.ceil((uptimeS + (moment.getTime() - Date.now()) / 1_000) * TICKS_PER_S);
}

/** "hidden" when this user may not ask; undefined when there is no such process, or it has none to show. */
function inodeOf(pid: number): string | undefined {
  try {
    return /^net:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[1];
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    if (code === "EACCES" || code === "EPERM") return "hidden";
    throw thrown;
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trimEnd().slice(0, 80);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ESRCH") return "it ended as we looked";
    throw thrown;
  }
}

/** proc(5): of a mount of a namespace the fourth field, the root, reads `net:[inode]`. */
function mountsOf(inode: string): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return lines.flatMap((line) => {
    const [, , , root, point] = line.split(" ");
    return root === `net:[${inode}]` && point !== undefined ? [point] : [];
  });
}
