import type { Check } from "../probe.ts";
import { seenBy } from "./tried.ts";
import type { SimulatedInternet, Try } from "./try.ts";

export const neighbour: Check = {
  id: "neighbour",
  category: "network",
  why: "Other sandboxes, databases and machines on the same network trust each other, and one that was taken over is their neighbour.",
  misses: "Who the neighbours really are: one address of ours stands for them all.",
  source: "sandboxbench container_pivot; Docker documentation, user-defined bridge networks",
  run: (context) => seenBy(context, "neighbour", neighbourTries),
};

export function neighbourTries(internet: SimulatedInternet): Try[] {
  const at = (name: string, host: string, port: number): Try => ({
    id: `neighbour:${name}${port}`,
    subject: `port ${port} of a neighbour on the same network${name === "" ? "" : ", over IPv6"}`,
    way: "tcp",
    host,
    port,
    isStandIn: true,
  });
  return [
    ...[22, 5432, 8080].map((port) => at("", internet.neighbour, port)),
    at("ipv6:", internet.neighbour6, 8080),
  ];
}
