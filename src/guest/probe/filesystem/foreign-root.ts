import type { Check, Context, Row } from "../probe.ts";
import { noneOf, PROCESS_KINDS, PROCESSES_MAX, type ProcessKind, placeOf, visibleProcesses } from "../processes.ts";
import { CONTROL, denied, isAbsence, mechanism, notMeasured, reachable } from "../row.ts";

const SUBJECT: Record<ProcessKind, string> = {
  init: "the root directory of process 1",
  parent: "the root directory of this process's parent",
  ancestors: "the root directory of this process's other ancestors",
  others: "the root directory of other processes",
};

export const foreignRoot: Check = {
  id: "foreign-root",
  category: "filesystem",
  why: "Through /proc/<pid>/root the files of another mount namespace lie open, past every mount of this one.",
  misses:
    "What lies there: its type is asked for, and nothing in it. A namespace whose number is hidden counts as foreign when its root is another directory.",
  source: "proc_pid_root(5); CVE-2019-5736 went the same way through /proc/<pid>/exe",
  async run(context) {
    const seen = await visibleProcesses(context);
    const own = await context.ground.stat("/");
    if (seen.status === "hidden" || own.status === "refused") {
      const why = seen.status === "hidden" ? `/proc: ${seen.why}` : "the root itself cannot be asked for";
      return { rows: [notMeasured("foreign-root", "the root directories of other processes", why)] };
    }
    const found = new Map<ProcessKind, Row>();
    for (const { pid, kind } of seen.processes) {
      if (found.get(kind)?.verdict === "reachable") continue;
      const row = await ask(context, pid, kind, own.value);
      if (row !== undefined) found.set(kind, row);
    }
    const rows = PROCESS_KINDS.map(
      (kind) =>
        found.get(kind) ??
        noneOf(context, `foreign-root:${kind}`, SUBJECT[kind], "none with a root of its own is visible"),
    );
    return seen.isWhole ? { rows } : { rows, fellShort: `only ${PROCESSES_MAX} processes were asked` };
  },
};

/** Undefined when the process has this root or one below it, or has ended. */
async function ask(
  { ground, facts }: Context,
  pid: string,
  kind: ProcessKind,
  own: { dev: number; ino: number },
): Promise<Row | undefined> {
  const id = `foreign-root:${kind}`;
  const namespace = await ground.link(`/proc/${pid}/ns/mnt`);
  const inode = namespace.status === "answered" ? /\[(\d+)\]/.exec(namespace.value)?.[1] : undefined;
  const isOfOurs = inode !== undefined && inode === facts.namespaces["mnt"];
  const root = await ground.stat(`/proc/${pid}/root/`);
  if (root.status === "refused") {
    if (isAbsence(root.errno) || root.errno === "ESRCH") return undefined;
    return isOfOurs ? undefined : denied(id, SUBJECT[kind], CONTROL.read, mechanism(root.errno), placeOf(kind));
  }
  if (isSame(root.value, own) || (isOfOurs && (await isBelow(ground, pid, root.value)))) return undefined;
  const where = isOfOurs ? "outside this process's own root" : "of another mount namespace";
  return reachable(id, SUBJECT[kind], ["list"], `${where}, and may be entered; not entered`, placeOf(kind));
}

type Inode = { dev: number; ino: number };

function isSame(a: Inode, b: Inode): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** Within one mount namespace: does the path that the kernel names lead there from here? From within a chroot(2) it does not lead out. */
async function isBelow(ground: Context["ground"], pid: string, root: Inode): Promise<boolean> {
  const link = await ground.link(`/proc/${pid}/root`);
  const found = link.status === "answered" ? await ground.stat(link.value) : undefined;
  return found?.status === "answered" && isSame(found.value, root);
}
