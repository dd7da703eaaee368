import type { Check } from "../probe.ts";
import { seenBy } from "./tried.ts";
import type { SimulatedInternet, Try } from "./try.ts";

export const outboundOther: Check = {
  id: "outbound-other",
  category: "network",
  why: "Rules are mostly written for TCP over IPv4: datagrams, echo requests and the other IP go round them.",
  misses: "Other protocols of IP, and QUIC as such: its port is asked for, not its handshake.",
  source: "RFC 9000 (QUIC over UDP 443); RFC 792; RFC 4443; icmp(7), ping_group_range",
  run: (context) => seenBy(context, "outbound-other", outboundOtherTries),
};

export function outboundOtherTries({ outside, outside6 }: SimulatedInternet): Try[] {
  const check = "outbound-other";
  return [
    { id: `${check}:udp:443`, subject: "a datagram to port 443", way: "udp", host: outside, port: 443 },
    { id: `${check}:udp:123`, subject: "a datagram to port 123", way: "udp", host: outside, port: 123 },
    { id: `${check}:ping`, subject: "an echo request", way: "ping", host: outside, port: 0 },
    { id: `${check}:ipv6-tcp:443`, subject: "port 443 over IPv6", way: "tcp", host: outside6, port: 443 },
    { id: `${check}:ipv6-udp:443`, subject: "a datagram over IPv6", way: "udp", host: outside6, port: 443 },
    { id: `${check}:ipv6-ping`, subject: "an echo request over IPv6", way: "ping", host: outside6, port: 0 },
  ];
}
