import type { Check, Row } from "../probe.ts";
import { noneOf, PROCESS_KINDS, PROCESSES_MAX, type ProcessKind, placeOf, visibleProcesses } from "../processes.ts";
import { absent, notMeasured, reachable } from "../row.ts";
import { formOf, isSecretName } from "./secret-shapes.ts";

const COMMAND_LINE_BYTES_MAX = 16 * 1024;

export const commandLineSecret: Check = {
  id: "command-line-secret",
  category: "secrets",
  why: "A command line can be read by every process that sees the other, whoever's it is.",
  misses:
    "A secret without a known form that no option names. Neither the value nor the command leaves this process.",
  source: "proc_pid_cmdline(5); MITRE ATT&CK T1552; CWE-214",
  async run(context) {
    const seen = await visibleProcesses(context);
    if (seen.status === "hidden")
      return { rows: [notMeasured("command-line-secret", "secrets in command lines", `/proc: ${seen.why}`)] };
    const found = new Map<ProcessKind, Set<string>>();
    for (const { pid, kind } of seen.processes) {
      const line = await context.ground.table(`/proc/${pid}/cmdline`, COMMAND_LINE_BYTES_MAX);
      if (line.status === "refused") continue;
      const forms = found.get(kind) ?? new Set();
      for (const form of secretsIn(line.value)) forms.add(form);
      found.set(kind, forms);
    }
    const rows = PROCESS_KINDS.map((kind): Row => {
      const id = `command-line-secret:${kind}`;
      const subject = `secrets in the command line of ${SUBJECT[kind]}`;
      const forms = found.get(kind);
      if (forms === undefined) return noneOf(context, id, subject, "no such command line is visible");
      if (forms.size === 0) return absent(id, subject, "no form and no option of a secret");
      return reachable(id, subject, ["read"], [...forms].sort().join(", "), placeOf(kind));
    });
    return seen.isWhole ? { rows } : { rows, fellShort: `only ${PROCESSES_MAX} processes were asked` };
  },
};

const SUBJECT: Record<ProcessKind, string> = {
  init: "process 1",
  parent: "this process's parent",
  ancestors: "this process's other ancestors",
  others: "other processes",
};

/** What kinds of secrets a command line holds: by the form of an argument, or by the option or assignment it is given to. */
export function secretsIn(commandLine: string): string[] {
  const found: string[] = [];
  for (const argument of commandLine.split("\0")) {
    const [, name, value] = /^-{0,2}([A-Za-z][A-Za-z0-9_-]*)=(.+)$/s.exec(argument) ?? [];
    const form = formOf(argument) ?? (value === undefined ? undefined : formOf(value));
    if (form !== undefined) found.push(form);
    else if (name !== undefined && isSecretName(name.replaceAll("-", "_")))
      found.push("a value given to a secret's name");
  }
  return found;
}
