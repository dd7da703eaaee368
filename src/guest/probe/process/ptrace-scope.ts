import type { Check } from "../probe.ts";
import { CONTROL, denied, notMeasured, reachable } from "../row.ts";

const ID = "ptrace-scope";
const SUBJECT = "tracing another process of the same user";

export const ptraceScope: Check = {
  id: ID,
  category: "process",
  why: "Who may trace a process reads and changes its memory, and with it the secrets of a server beside the agent.",
  misses: "Told from the kernel's setting: whether a filter refuses ptrace cannot be seen.",
  source: "Yama, Documentation/admin-guide/LSM/Yama.rst",
  async run({ facts, ground }) {
    if (facts.boundary === "gvisor") return { rows: [notMeasured(ID, SUBJECT, "gVisor has no such setting")] };
    const scope = await ground.table("/proc/sys/kernel/yama/ptrace_scope", 64);
    if (scope.status === "answered") {
      const value = scope.value.trim();
      if (value === "0") return { rows: [reachable(ID, SUBJECT, ["configure"], "ptrace_scope is 0")] };
      return { rows: [denied(ID, SUBJECT, CONTROL.table, `ptrace_scope is ${value}`)] };
    }
    if (scope.errno === "ENOENT" && facts.status !== undefined) {
      return {
        rows: [reachable(ID, SUBJECT, ["configure"], "the kernel has no Yama, so file permissions alone decide")],
      };
    }
    return { rows: [notMeasured(ID, SUBJECT, `ptrace_scope: ${scope.errno}`)] };
  },
};
