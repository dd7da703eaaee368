import type { Check } from "../probe.ts";
import { seenBy } from "./tried.ts";
import type { SimulatedInternet, Try } from "./try.ts";

export const hostGateway: Check = {
  id: "host-gateway",
  category: "network",
  why: "The gateway of a container's network is the machine itself: what listens there for its own people listens for the sandbox too.",
  misses: "What really listens on the machine: our sink stands in its place, and answers on these ports alone.",
  source: "Docker documentation, host.docker.internal; podman-run(1), host.containers.internal",
  run: (context) => seenBy(context, "host-gateway", hostGatewayTries),
};

export function hostGatewayTries({ gateway, gateway6 }: SimulatedInternet): Try[] {
  const at = (name: string, host: string, port: number): Try => ({
    id: `host-gateway:${name}:${port}`,
    subject: `port ${port} of the machine, as ${name}`,
    way: "tcp",
    host,
    port,
    isStandIn: true,
  });
  return [
    at("gateway", gateway, 22),
    at("gateway", gateway, 8080),
    at("gateway-ipv6", gateway6, 8080),
    at("host.docker.internal", "host.docker.internal", 8080),
    at("host.containers.internal", "host.containers.internal", 8080),
  ];
}
