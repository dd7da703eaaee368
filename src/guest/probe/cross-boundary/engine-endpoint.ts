import { seenBy } from "../network/tried.ts";
import type { SimulatedInternet, Try } from "../network/try.ts";
import type { Check } from "../probe.ts";

export const engineEndpoint: Check = {
  id: "engine-endpoint",
  category: "cross-boundary",
  why: "An engine, a node agent or a cluster's store that listens on TCP is the machine itself to whoever reaches it.",
  misses: "Whether one listens on the real machine: our sink stands in its place, and no request of theirs is sent.",
  source:
    "Docker documentation, 2375 and 2376; CVE-2025-9074 (Docker Desktop, 192.168.65.7:2375); Kubernetes documentation, ports 2379, 6443 and 10250",
  run: (context) => seenBy(context, "engine-endpoint", engineEndpointTries),
};

export function engineEndpointTries({ gateway, gateway6 }: SimulatedInternet): Try[] {
  const at = (name: string, host: string, port: number): Try => ({
    id: `engine-endpoint:${name}:${port}`,
    subject: `the place of ${WHAT[port] ?? "an engine"}, port ${port} at ${name}`,
    way: "tcp",
    host,
    port,
    isStandIn: true,
  });
  return [
    ...[2375, 2376, 10250, 2379, 6443].map((port) => at("gateway", gateway, port)),
    at("gateway-ipv6", gateway6, 2375),
    at("docker-desktop", "192.168.65.7", 2375),
  ];
}

const WHAT: Readonly<Record<number, string>> = {
  2375: "an engine without TLS",
  2376: "an engine",
  10250: "a node agent",
  2379: "a cluster's store",
  6443: "a cluster's API",
};
