import type { Check, Context, Row } from "../probe.ts";
import { absent, CONTROL, denied, notMeasured, reachable } from "../row.ts";

const ID = "terminal:controlling";
const INJECTION = "terminal:input-injection";
const SUBJECT = "the terminal of whoever started this";
const INJECTING = "typing into the terminal in the user's place";

export const terminal: Check = {
  id: "terminal",
  category: "process",
  why: "Whoever shares a person's terminal can write escape sequences to it, and on older kernels type commands into it.",
  misses:
    "What the terminal's own program does with escape sequences, and a terminal that is a descriptor but not the controlling one.",
  source: "CVE-2017-5226 (bubblewrap, TIOCSTI); Documentation/admin-guide/sysctl, dev.tty.legacy_tiocsti",
  run: async (context) => ({ rows: await ask(context) }),
};

async function ask({ facts, ground }: Context): Promise<Row[]> {
  const stat = await ground.table("/proc/self/stat", 4_096);
  const terminalNumber = stat.status === "answered" ? terminalOf(stat.value) : undefined;
  if (terminalNumber === undefined) {
    const why = stat.status === "refused" ? stat.errno : "has another shape";
    return [
      notMeasured(ID, SUBJECT, `/proc/self/stat: ${why}`),
      notMeasured(INJECTION, INJECTING, `/proc/self/stat: ${why}`),
    ];
  }
  if (terminalNumber === 0)
    return [absent(ID, SUBJECT, "no controlling terminal"), absent(INJECTION, INJECTING, "no controlling terminal")];
  const held = reachable(
    ID,
    SUBJECT,
    ["write"],
    "this session has a controlling terminal; nothing was written to it",
  );
  if (facts.boundary === "gvisor")
    return [held, denied(INJECTION, INJECTING, CONTROL.table, "gVisor has no TIOCSTI")];
  const legacy = await ground.table("/proc/sys/dev/tty/legacy_tiocsti", 64);
  if (legacy.status === "answered" && legacy.value.trim() === "0")
    return [held, denied(INJECTION, INJECTING, CONTROL.table, "dev.tty.legacy_tiocsti is 0")];
  if (legacy.status === "refused" && legacy.errno !== "ENOENT")
    return [held, notMeasured(INJECTION, INJECTING, `legacy_tiocsti: ${legacy.errno}`)];
  if (facts.status?.get("Seccomp") === "2")
    return [
      held,
      notMeasured(
        INJECTION,
        INJECTING,
        "the kernel allows it; whether the filter does cannot be asked without trying",
      ),
    ];
  return [held, reachable(INJECTION, INJECTING, ["write"], "the kernel allows TIOCSTI; not called")];
}

/** Field 7, tty_nr, of proc_pid_stat(5); the name in field 2 may hold anything, so it is counted from its end. */
export function terminalOf(stat: string): number | undefined {
  const [, , , , number] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return number !== undefined && /^-?\d+$/.test(number) ? Number(number) : undefined;
}
