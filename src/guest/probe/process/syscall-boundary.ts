import type { Check, Context, Row } from "../probe.ts";
import { CONTROL, contradictory, denied, notMeasured, reachable } from "../row.ts";

const ID = "syscall-boundary";
const SUBJECT = "the host kernel's system calls";

export const syscallBoundary: Check = {
  id: ID,
  category: "process",
  why: "Most ways out of a sandbox went through a system call that nobody needed.",
  misses: "How strict the filter is: the kernel shows that there is one, and not what it refuses.",
  source: "seccomp(2); gVisor shows Seccomp: 0 and stands between all the same",
  run: async (context) => ({ rows: [ask(context)] }),
};

function ask({ facts, request }: Context): Row {
  const expected = request.seccompExpected;
  switch (facts.boundary) {
    case "gvisor":
      return denied(ID, SUBJECT, CONTROL.table, "gVisor's kernel answers instead");
    case "microvm":
      return denied(ID, SUBJECT, CONTROL.table, "a virtual machine's own kernel answers instead");
    case "seccomp":
      if (expected === "none")
        return contradictory(ID, SUBJECT, "a filter is in force and the owner says that there is none");
      return denied(ID, SUBJECT, CONTROL.table, "a seccomp filter is in force");
    case "landlock":
    case "namespaces":
    case "none":
      if (expected === "filter")
        return contradictory(ID, SUBJECT, "no filter is in force and the owner says that there is one");
      return reachable(ID, SUBJECT, ["execute"], `no seccomp filter (${BESIDE[facts.boundary]})`);
    case "unknown":
      return notMeasured(ID, SUBJECT, "/proc/self/status cannot be read");
  }
}

const BESIDE = {
  landlock: "Landlock, which closes files and ports and no system call",
  namespaces: "namespaces only",
  none: "no wall at all was seen",
} as const;
