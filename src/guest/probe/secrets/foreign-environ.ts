import type { Check, Context, Row } from "../probe.ts";
import { noneOf, PROCESS_KINDS, PROCESSES_MAX, type ProcessKind, placeOf, visibleProcesses } from "../processes.ts";
import { CONTROL, denied, isAbsence, mechanism, notMeasured, reachable } from "../row.ts";

const SUBJECT: Record<ProcessKind, string> = {
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
    const seen = await visibleProcesses(context);
    if (seen.status === "hidden") {
      return { rows: [notMeasured("foreign-environ", "the environment of other processes", `/proc: ${seen.why}`)] };
    }
    const found = new Map<ProcessKind, Row>();
    for (const { pid, kind } of seen.processes) {
      if (found.get(kind)?.verdict === "reachable") continue;
      const row = await ask(context, pid, kind);
      if (row !== undefined) found.set(kind, row);
    }
    const rows = PROCESS_KINDS.map(
      (kind) =>
        found.get(kind) ?? noneOf(context, `foreign-environ:${kind}`, SUBJECT[kind], "no such process is visible"),
    );
    return seen.isWhole ? { rows } : { rows, fellShort: `only ${PROCESSES_MAX} processes were asked` };
  },
};

async function ask({ ground }: Context, pid: string, kind: ProcessKind): Promise<Row | undefined> {
  const id = `foreign-environ:${kind}`;
  const place = placeOf(kind);
  const opened = await ground.opens(`/proc/${pid}/environ`);
  if (opened.status === "answered")
    return reachable(id, SUBJECT[kind], ["read"], "may be opened; nothing was read", place);
  // It ended meanwhile.
  if (isAbsence(opened.errno) || opened.errno === "ESRCH") return undefined;
  return denied(id, SUBJECT[kind], CONTROL.read, mechanism(opened.errno), place);
}
