/** What the bench of the proxies asks of its client, and hears of it. */
export type Job = Race | Hold;

export type Race = {
  kind: Kind;
  /** How many at once. */
  connections: number;
  ms: number;
  /** Where the proxy listens; null when it is the gateway, whose channel the client was given. */
  port: number | null;
  /** Trusted in tunnels that are terminated, PEM. */
  certificate: string;
};

/**
 * `forward`: requests one after the other over connections that are kept. `tunnel`: a tunnel for each request, whose bytes are
 * passed on as they are. `terminated`: requests one after the other in TLS through a tunnel that is kept.
 */
export type Kind = "forward" | "tunnel" | "terminated";

export type Tally = { perSecond: number; p99Ms: number };

/** Tunnels through the gateway that are opened, used once and left open. */
export type Hold = { kind: "hold"; mode: "terminated" | "spliced"; tunnels: number; certificate: string };

/** Wall time, in milliseconds and their parts, at which the held connections of the origin ended. */
export type Ended = { connections: number; lastAtMs: number };

export const HOST = "api.example";
export const PORTS = { plain: 8080, tls: 443, opaque: 8443, held: 8444 };
export const PATH = "/v1/thing";
export const BODY_BYTES = 1024;

/** As any process of this machine has it. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}
