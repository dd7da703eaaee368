import type { SimulatedInternet } from "../../guest/probe/network/try.ts";
import type { Interface } from "../../sandbox/sandbox.ts";

/**
 * Where everything stands in the simulated internet. All of these are ranges for documentation (RFC 5737, RFC 3849): if one of
 * them ever showed up on a real network, nobody would be there.
 */
export const ADDRESSES = {
  target: "192.0.2.2",
  /** The sink's own; the target's gateway and resolver. */
  gateway: "192.0.2.1",
  neighbour: "192.0.2.3",
  outside: "203.0.113.10",
  foreignResolver: "203.0.113.53",
  target6: "2001:db8:0:1::2",
  gateway6: "2001:db8:0:1::1",
  outside6: "2001:db8:ffff::10",
  neighbour6: "2001:db8:0:1::3",
  foreignResolver6: "2001:db8:ffff::53",
} as const;

/** Names inside the two namespaces. */
export const LINK = { sink: "wdsink", target: "eth0" } as const;

/** Of a target whose own network stack takes it over at its start. */
export const INTERFACE: Interface = {
  name: LINK.target,
  peer: LINK.sink,
  address: ADDRESSES.target,
  gateway: ADDRESSES.gateway,
  address6: ADDRESSES.target6,
  gateway6: ADDRESSES.gateway6,
};

/** `.example` is nobody's (RFC 2606). */
export const ZONE = "sink.example";

/** What stands in /etc/resolv.conf of a target that has one. */
export const RESOLV_CONF = `nameserver ${ADDRESSES.gateway}\noptions timeout:1 attempts:1\n`;

/** An attempt that is let through takes a few milliseconds; the rest of the probe takes about as long as this. */
const TRY_MS = 150;

/** For one measurement. `nonce` hex. */
export function networkFor(options: {
  nonce: string;
  allowed: readonly string[];
  direct?: readonly string[];
  timeoutMs?: number;
}): SimulatedInternet {
  const { gateway, gateway6, neighbour, neighbour6, outside, foreignResolver, outside6, foreignResolver6 } =
    ADDRESSES;
  const { nonce, allowed, direct = [], timeoutMs = TRY_MS } = options;
  return {
    nonce,
    timeoutMs,
    zone: ZONE,
    gateway,
    gateway6,
    neighbour,
    neighbour6,
    outside,
    foreignResolver,
    outside6,
    foreignResolver6,
    allowed: allowed.map(concrete).slice(0, ALLOWED_MAX),
    direct: direct.slice(0, ALLOWED_MAX),
  };
}

const ALLOWED_MAX = 20;

/** A pattern is asked for by one name that it lets through. */
function concrete(name: string): string {
  return name.replace(/^\*\./, "any.");
}
