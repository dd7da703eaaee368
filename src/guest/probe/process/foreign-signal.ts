import type { Check, Context, Row } from "../probe.ts";
import { noneOf, PROCESS_KINDS, PROCESSES_MAX, type ProcessKind, placeOf, visibleProcesses } from "../processes.ts";
import { CONTROL, denied, mechanism, notMeasured, reachable } from "../row.ts";

const SUBJECT: Record<ProcessKind, string> = {
  init: "signalling process 1",
  parent: "signalling this process's parent",
  ancestors: "signalling this process's other ancestors",
  others: "signalling other processes",
};

export const foreignSignal: Check = {
  id: "foreign-signal",
  category: "process",
  why: "Who may signal a guard, a proxy or another agent's process may stop it.",
  misses:
    "Handlers and the protection of process 1 against signals it does not handle. Nothing is sent: signal 0 only asks.",
  source: "kill(2), signal 0",
  async run(context) {
    const seen = await visibleProcesses(context);
    if (seen.status === "hidden")
      return { rows: [notMeasured("foreign-signal", "signalling other processes", `/proc: ${seen.why}`)] };
    const found = new Map<ProcessKind, Row>();
    for (const { pid, kind } of seen.processes) {
      if (found.get(kind)?.verdict === "reachable") continue;
      const row = await ask(context, pid, kind);
      if (row !== undefined) found.set(kind, row);
    }
    const rows = PROCESS_KINDS.map(
      (kind) =>
        found.get(kind) ?? noneOf(context, `foreign-signal:${kind}`, SUBJECT[kind], "no such process is visible"),
    );
    return seen.isWhole ? { rows } : { rows, fellShort: `only ${PROCESSES_MAX} processes were asked` };
  },
};

async function ask({ ground }: Context, pid: string, kind: ProcessKind): Promise<Row | undefined> {
  const id = `foreign-signal:${kind}`;
  const asked = await ground.maySignal(Number(pid));
  if (asked.status === "answered")
    return reachable(id, SUBJECT[kind], ["signal"], "allowed; none was sent", placeOf(kind));
  // It ended meanwhile.
  if (asked.errno === "ESRCH") return undefined;
  return denied(id, SUBJECT[kind], CONTROL.table, mechanism(asked.errno), placeOf(kind));
}
