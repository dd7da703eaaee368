import type { Check, Row } from "../probe.ts";
import { noneOf, PROCESSES_MAX, placeOf, visibleProcesses } from "../processes.ts";
import { instance, notMeasured, reachable } from "../row.ts";

export const visibleProcess: Check = {
  id: "visible-process",
  category: "process",
  why: "What else runs here is what could be watched, traced or asked; a new name is a change of the sandbox.",
  misses: "Processes that hidepid or another namespace hides. A name is whatever the process calls itself.",
  source: "proc_pid_comm(5)",
  async run(context) {
    const seen = await visibleProcesses(context);
    if (seen.status === "hidden")
      return { rows: [notMeasured("visible-process", "the list of processes", `/proc: ${seen.why}`)] };
    const rows: Row[] = [reachable("visible-process:self", "this process", ["list"], "in the table")];
    for (const { pid, kind } of seen.processes) {
      const comm = await context.ground.table(`/proc/${pid}/comm`, 64);
      if (comm.status === "refused") continue;
      const name = comm.value.trim();
      if (pid === "2" && name === "kthreadd") return { rows: [...rows.slice(0, 1), HOSTS] };
      rows.push(reachable(`visible-process:${instance(name) || "unnamed"}`, name, ["list"], kind, placeOf(kind)));
    }
    if (context.facts.hidesProcesses)
      rows.push(noneOf(context, "visible-process:of-other-users", "processes of other users", ""));
    return seen.isWhole ? { rows } : { rows, fellShort: `only ${PROCESSES_MAX} processes were asked` };
  },
};

/** A host's processes come and go, so their names say nothing about the sandbox. */
const HOSTS = reachable(
  "visible-process:host",
  "the host's processes",
  ["list"],
  "all of them; not named one by one",
);
