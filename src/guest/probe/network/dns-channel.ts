import type { Check } from "../probe.ts";
import { seenBy } from "./tried.ts";
import type { Try } from "./try.ts";

export const dnsChannel: Check = {
  id: "dns-channel",
  category: "network",
  why: "A resolver that asks the owner of a zone for any name below it carries data out in the labels and in with the answers.",
  misses: "How much a rate limit or a filter of odd names would let through: one short label is asked for.",
  source: "sandboxbench dns_tunnel; RFC 1035, 2.3.4 (labels of 63 octets)",
  run: (context) => seenBy(context, "dns-channel", dnsChannelTries),
};

export function dnsChannelTries(): Try[] {
  return [
    {
      id: "dns-channel:out",
      subject: "data in a label, to the owner of the zone",
      way: "name",
      host: "a-label-that-no-list-of-names-can-hold.channel",
      port: 53,
    },
    {
      id: "dns-channel:back",
      subject: "data in an answer, from the owner of the zone",
      way: "text",
      host: "back",
      port: 53,
    },
  ];
}
