import { parseStatus } from "./facts.ts";
import type { Context, Row } from "./probe.ts";
import { absent, notMeasured } from "./row.ts";

/**
 * Processes besides this one, by what they are to it. Their numbers and names change from run to run, so a row is about
 * a kind: process 1, the parent, the ancestors further up, all others.
 */
export const PROCESS_KINDS = ["init", "parent", "ancestors", "others"] as const;
export type ProcessKind = (typeof PROCESS_KINDS)[number];

export type Visible =
  | { status: "seen"; processes: { pid: string; kind: ProcessKind }[]; isWhole: boolean }
  | { status: "hidden"; why: string };

export const PROCESSES_MAX = 200;
const ENTRIES_MAX = 4_096;

/** The first ones in the order of the table. A table that shows no process at all, not even this one, is hidden. */
export async function visibleProcesses(context: Context): Promise<Visible> {
  const listed = await context.ground.list("/proc", ENTRIES_MAX);
  if (listed.status === "refused") return { status: "hidden", why: listed.errno };
  const pids = listed.value.entries.map(({ name }) => name).filter((name) => /^[1-9]\d*$/.test(name));
  if (pids.length === 0) return { status: "hidden", why: "it shows no process" };
  const ancestors = await ancestry(context);
  const processes = pids
    .slice(0, PROCESSES_MAX)
    .filter((pid) => pid !== String(process.pid))
    .map((pid) => ({ pid, kind: kindOf(pid, ancestors) }));
  return { status: "seen", processes, isWhole: listed.value.isWhole && pids.length <= PROCESSES_MAX };
}

/** For a kind of which no process is in the table: that says nothing where the table leaves other users' out. */
export function noneOf({ facts }: Context, id: string, subject: string, detail: string): Row {
  if (facts.hidesProcesses) return notMeasured(id, subject, "/proc hides other users' processes (hidepid)");
  return absent(id, subject, detail);
}

/** Where the sandbox's owner may say that the process is of its machinery. */
export function placeOf(kind: ProcessKind): string | undefined {
  if (kind === "init") return "proc:1";
  return kind === "parent" ? "proc:parent" : undefined;
}

function kindOf(pid: string, ancestors: ReadonlySet<string>): ProcessKind {
  if (pid === "1") return "init";
  if (pid === String(process.ppid)) return "parent";
  return ancestors.has(pid) ? "ancestors" : "others";
}

async function ancestry({ ground }: Context): Promise<Set<string>> {
  const found = new Set<string>();
  for (let pid = String(process.ppid); Number(pid) > 1 && found.size < 64; ) {
    found.add(pid);
    const status = await ground.table(`/proc/${pid}/status`, 4_096);
    pid = (status.status === "answered" ? parseStatus(status.value).get("PPid") : undefined) ?? "0";
  }
  return found;
}
