import { askNamespace } from "../namespaces.ts";
import type { Check } from "../probe.ts";

export const hostIpc: Check = {
  id: "host-ipc",
  category: "cross-boundary",
  why: "In the host's IPC namespace, shared memory and message queues of other programs lie open.",
  misses: "A /dev/shm of the host that is mounted without sharing the namespace; host-mount shows that.",
  source: "CIS Docker Benchmark 1.6, 5.16; ipc_namespaces(7)",
  run: async (context) => ({ rows: [askNamespace(context, "ipc", "host-ipc", "the host's IPC namespace")] }),
};

export const hostUts: Check = {
  id: "host-uts",
  category: "cross-boundary",
  why: "In the host's UTS namespace a process with the right capability renames the machine.",
  misses: "Nothing that is known.",
  source: "CIS Docker Benchmark 1.6, 5.20; uts_namespaces(7)",
  run: async (context) => ({ rows: [askNamespace(context, "uts", "host-uts", "the host's UTS namespace")] }),
};
