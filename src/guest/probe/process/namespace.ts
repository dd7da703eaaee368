import { askNamespace } from "../namespaces.ts";
import type { Check } from "../probe.ts";

export const namespace: Check = {
  id: "namespace",
  category: "process",
  why: "A namespace that is the host's is a part of the machine with no sandbox in it.",
  misses:
    "Mount namespaces without the host's word: they have no fixed number. IPC, UTS and network have checks of their own.",
  source: "namespaces(7); CIS Docker Benchmark 1.6, 5.15",
  run: async (context) => ({
    rows: [
      askNamespace(context, "pid", "namespace:pid", "the host's process namespace"),
      askNamespace(context, "mnt", "namespace:mnt", "the host's mount namespace"),
    ],
  }),
};
