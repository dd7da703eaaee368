import { askNamespace } from "../namespaces.ts";
import type { Check } from "../probe.ts";

export const hostNetworkNamespace: Check = {
  id: "host-network-namespace",
  category: "network",
  why: "In the host's network namespace every service on its loopback, and all its abstract sockets, stand open.",
  misses:
    "A network namespace shared with another container. Needs the host's word: most kernels give no fixed number.",
  source: "CIS Docker Benchmark 1.6, 5.9; network_namespaces(7)",
  run: async (context) => ({
    rows: [askNamespace(context, "net", "host-network-namespace", "the host's network namespace")],
  }),
};
