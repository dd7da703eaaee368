import { parseStatus } from "../facts.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, CONTROL, denied, isAbsence, mechanism, notMeasured, reachable } from "../row.ts";

const PROCESSES_MAX = 200;
const KINDS = ["init", "parent", "ancestors", "others"] as const;
type Kind = (typeof KINDS)[number];
const SUBJECT: Record<Kind, string> = {
  init: "the environment of process 1",
  parent: "the environment of this process's parent",
  ancestors: "the environment of this process's other ancestors",
  others: "the environment of other processes",
};

export const foreignEnviron: Check = {
  id: "foreign-environ",
  category: "secrets",
  why: "Secrets that were stripped from this process's environment often still lie in that of the one that started it.",
  misses: "What is in there: the table is opened and closed, because the permission is decided at opening.",
  source: "proc_pid_environ(5); anthropic sandbox-runtime issue 160",
  async run(context) {
    const listed = await context.ground.list("/proc", 4_096);
    if (listed.status === "refused") return hidden(listed.errno);
    const pids = listed.value.entries.map(({ name }) => name).filter((name) => /^\d+$/.test(name));
    if (pids.length === 0) return hidden("it shows no process");
    const ancestors = await ancestry(context);
    const found = new Map<Kind, Row>();
    for (const pid of pids.slice(0, PROCESSES_MAX)) {
      if (pid === String(process.pid)) continue;
      const kind = kindOf(pid, ancestors);
      if (found.get(kind)?.verdict === "reachable") continue;
      const row = await ask(context, pid, kind);
      if (row !== undefined) found.set(kind, row);
    }
    const rows = KINDS.map(
      (kind) => found.get(kind) ?? absent(`foreign-environ:${kind}`, SUBJECT[kind], "no such process is visible"),
    );
    return pids.length > PROCESSES_MAX ? { rows, fellShort: `only ${PROCESSES_MAX} processes were asked` } : { rows };
  },
};

function kindOf(pid: string, ancestors: ReadonlySet<string>): Kind {
  if (pid === "1") return "init";
  if (pid === String(process.ppid)) return "parent";
  return ancestors.has(pid) ? "ancestors" : "others";
}

/** Where the sandbox's owner may say that the process is of its machinery. */
const PLACES: Partial<Record<Kind, string>> = { init: "proc:1", parent: "proc:parent" };

function hidden(why: string) {
  return { rows: [notMeasured("foreign-environ", "the environment of other processes", `/proc: ${why}`)] };
}

async function ask({ ground }: Context, pid: string, kind: Kind): Promise<Row | undefined> {
  const id = `foreign-environ:${kind}`;
  const place = PLACES[kind];
  const opened = await ground.opens(`/proc/${pid}/environ`);
  if (opened.status === "answered")
    return reachable(id, SUBJECT[kind], ["read"], "may be opened; nothing was read", place);
  // It ended meanwhile.
  if (isAbsence(opened.errno) || opened.errno === "ESRCH") return undefined;
  return denied(id, SUBJECT[kind], CONTROL.read, mechanism(opened.errno), place);
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
