import type { Check } from "../probe.ts";
import { seenBy } from "./tried.ts";
import type { Try } from "./try.ts";

export const metadataResponder: Check = {
  id: "metadata-responder",
  category: "network",
  why: "A cloud machine's metadata service hands its credentials to whoever asks it over the network.",
  misses:
    "Whether the machine that the agent really runs on has one: a responder of ours, labelled as such, stands at each of its addresses.",
  source:
    "AWS EC2 user guide, instance metadata (169.254.169.254, fd00:ec2::254); Google Cloud (metadata.google.internal); " +
    "Alibaba Cloud ECS (100.100.100.200); Amazon ECS task metadata (169.254.170.2); Oracle Cloud (192.0.0.192)",
  run: (context) => seenBy(context, "metadata-responder", metadataResponderTries),
};

export const METADATA: readonly (readonly [string, string])[] = [
  ["link-local", "169.254.169.254"],
  ["task", "169.254.170.2"],
  ["alibaba", "100.100.100.200"],
  ["oracle", "192.0.0.192"],
  ["google-name", "metadata.google.internal"],
  ["link-local-ipv6", "fd00:ec2::254"],
];

export function metadataResponderTries(): Try[] {
  return METADATA.map(([name, host]) => ({
    id: `metadata-responder:${name}`,
    subject: `a metadata service at ${host}`,
    way: "tcp",
    host,
    port: 80,
    isStandIn: true,
  }));
}
