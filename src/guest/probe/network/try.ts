import { createHash } from "node:crypto";
import type { ProbeRequest } from "../request.ts";

/**
 * One attempt to get something out of the sandbox, towards the simulated internet that stands around it. The token is the
 * nonce by which our sink outside tells which attempt arrived: what a connect inside returns proves nothing, because a
 * proxy, a block page or an interception layer answers just as well.
 */
export type Try = {
  /** Of the observation that comes of it. */
  id: string;
  subject: string;
  /**
   * `tcp` a connection, one line said, an answer awaited · `udp` a datagram · `name` a lookup by the sandbox's own resolver
   * · `resolver` one by a resolver that it was not given · `text` a lookup whose answer carries data back · `ping` an echo
   * request · `proxy` and `socks` as `tcp`, through the proxy of that kind that the environment names.
   */
  way: "tcp" | "udp" | "name" | "resolver" | "text" | "ping" | "proxy" | "socks";
  /** An address in any form, or a name. Of `resolver` the server that is asked. */
  host: string;
  /** 0 where there is none. */
  port: number;
  /** Where something real may stand, our sink is a stand-in: reached, it reads `decoy-reached`. */
  isStandIn?: boolean;
};

/** What the owner of the simulated internet tells of it. */
export type SimulatedInternet = NonNullable<ProbeRequest["network"]>;

/** Of one attempt in one measurement. Lower case and digits, so that a DNS label, a path and a datagram carry it alike. */
export function tokenOf(nonce: string, id: string): string {
  return `wd${createHash("sha256").update(`${nonce} ${id}`).digest("hex").slice(0, 24)}`;
}

/** What the sink answers to a token: nobody who has not seen it can know that we are asked. */
export function proofOf(token: string): string {
  return `weakdoor-sink ${createHash("sha256").update(`seen ${token}`).digest("hex").slice(0, 24)}`;
}

/** Every name that carries a token has this address in the simulated internet (RFC 5737, a range for documentation). */
export const SINK_ADDRESS = "198.51.100.80";

export const TOKEN = /wd[0-9a-f]{24}/;

/** What became of a try, as seen from inside. */
export type Tried =
  /** With our proof. */
  | { status: "answered" }
  /** By something else than our sink; `by` says as what it gives itself out. */
  | { status: "other"; by: string }
  | { status: "refused"; errno: string }
  | { status: "silent" }
  | { status: "unresolved"; code: string }
  | { status: "refused-by-proxy"; code: number }
  /** The proxy let it through and did not get there. */
  | { status: "destination-error"; code: number }
  /** The attempt could not be made. */
  | { status: "unable"; reason: string };
