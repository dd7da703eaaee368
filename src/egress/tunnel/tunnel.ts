import type { IncomingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { errnoOf, messageOf } from "../../base/errors.ts";
import type { Rule } from "../allowlist.ts";
import { type Answer, refuse } from "../answer.ts";
import type { Place } from "../decide.ts";
import type { Exchange } from "../exchange.ts";
import type { FormFault, Upgrade } from "../form.ts";
import type { Leaving } from "../leaving.ts";
import type { TunnelFault } from "../reasons.ts";
import { type Greeted, NOT_GREETED } from "../record.ts";
import { type Vetted, type Vetting, vet } from "../resolver.ts";
import type { Carry, Sent } from "../send.ts";
import type { Hit, TunnelWatch } from "../watch/watch.ts";
import type { AuthorityAtHand } from "./authority.ts";
import { type ClientHello, helloFaultOf } from "./clientHello.ts";
import { http1Server } from "./http1.ts";
import { type Greeting, peekGreeting } from "./peek.ts";
import { splice } from "./splice.ts";
import { terminate } from "./terminate.ts";

/**
 * A tunnel that a rule lets in, from the CONNECT to its end. The name is resolved once and its address looked at; then the
 * tunnel is open, and the first thing in it must be the greeting of TLS, which names the rule's host, only it, and hides
 * nothing. From there on it is terminated: TLS ends here, and what comes out is served as requests like all others, to the
 * one address. Or, where the rule says so, it is spliced to a connection that was made before the greeting.
 *
 * What a splice cannot see: the path, the Host inside (domain fronting), and what goes up encrypted. What goes up in the clear is
 * searched for fakes like all else, the greeting first, also one that is refused.
 */
export type TunnelDesk = { open(rule: Rule, request: TunnelRequest): Promise<Answer> };

export type TunnelRequest = {
  /** Number of the flow that opened it. */
  flow: number;
  leaving: Pick<Leaving, "onGone">;
  /** Asked before each chunk of a splice: what is in a terminated tunnel is asked about where it is served. */
  carry: Carry;
  /** Fakes were seen in what passes: the tunnel is cut, and this tells who must know. */
  ring(hits: readonly Hit[]): void;
  watch: TunnelWatch;
  /** One request that came out of it, from beginning to end. Rejects only for a bug. */
  serve(stream: Exchange, headers: IncomingHttpHeaders, inner: Inner): Promise<void>;
};

/** Where a request inside a tunnel comes from. */
export type Inner = {
  place: Place;
  flow: number;
  vetted: Extract<Vetted, { status: "vetted" }>;
  form: FormFault | undefined;
  /** Of HTTP/1.1; over HTTP/2 the request's own headers say it. */
  upgrade: Upgrade | undefined;
  /** How the tunnel began. */
  greeted: Greeted;
};

export type TunnelParts = {
  vetting: Vetting;
  authority(): Promise<AuthorityAtHand>;
  isLatched(): boolean;
  clock: Clock;
  limits?: Partial<TunnelLimits>;
};

export type TunnelLimits = {
  /** For the whole greeting. */
  greetingMs: number;
  /** Without a byte, in a splice; without a request, in a terminated tunnel. */
  idleMs: number;
  /** However busy it is. */
  lifetimeMs: number;
};

export const TUNNEL_LIMITS: TunnelLimits = { greetingMs: 10_000, idleMs: 60_000, lifetimeMs: 600_000 };
const CONNECT_MS = 10_000;

export function tunnelDesk(parts: TunnelParts): TunnelDesk {
  const limits = { ...TUNNEL_LIMITS, ...parts.limits };
  const http1 = http1Server();
  const desk = (rule: Rule, request: TunnelRequest): Host => ({
    rule,
    limits,
    ring: (hits) => request.ring(hits),
    watch: request.watch,
  });
  return {
    async open(rule, request) {
      const askedAt = parts.clock.monotonicMs();
      const vetted = await vet(rule.host, parts.vetting);
      const dnsMs = parts.clock.monotonicMs() - askedAt;
      const trail = { resolved: vetted.resolved, dialed: null, dnsMs, connectMs: null };
      if (vetted.status === "refused") return refuse(vetted.reason, trail);
      if (rule.mode === "terminate") {
        const found = await parts.authority();
        if (found.status === "missing") return { ...refuse("tunnel-authority-missing", trail), detail: found.why };
        const { authority } = found;
        const inner = { place: { host: rule.host, port: rule.port }, flow: request.flow, vetted };
        const run = (stream: Exchange) =>
          greeted(stream, desk(rule, request), (said) => {
            return terminate(stream, { authority, inner: { ...inner, greeted: said }, request, limits, http1 });
          });
        return { status: "tunnel", trail, run };
      }
      const connected = await connectTo(vetted.address, rule.port, request.leaving);
      const reached = { ...trail, dialed: vetted.address };
      if (connected.status === "failed") {
        return { ...refuse("upstream-unreachable", reached), detail: connected.detail };
      }
      const { socket } = connected;
      const connectMs = parts.clock.monotonicMs() - askedAt - dnsMs;
      const run = async (stream: Exchange) => {
        try {
          const pass = () => splice(stream, socket, { rule, parts, request, limits });
          return await greeted(stream, desk(rule, request), pass);
        } finally {
          socket.destroy();
        }
      };
      return { status: "tunnel", trail: { ...reached, connectMs }, run };
    },
  };
}

type Host = Pick<TunnelRequest, "ring" | "watch"> & { rule: Rule; limits: TunnelLimits };

/** Opens it for the guest, and goes on only when what it says first is what it may say. What it said is logged in any case. */
async function greeted(stream: Exchange, host: Host, goOn: (said: Greeted) => Promise<Sent>): Promise<Sent> {
  if (stream.destroyed || stream.closed) return { code: 200, bytesDown: 0, closedBy: "guest", reason: null };
  stream.respond({ ":status": 200 });
  const greeting = await peekGreeting(stream, host.limits.greetingMs);
  const { hits } = await host.watch.greeting(greeting.bytes);
  const isTheft = hits.length > 0;
  if (isTheft) host.ring(hits);
  const said = greeting.status === "refused" || isTheft ? NOT_GREETED : saidBy(greeting.hello);
  const fault = isTheft ? "fake-credential" : faultOf(greeting, host.rule);
  if (fault === undefined) return { ...(await goOn(said)), greeted: said };
  // What still comes is thrown away, so that the peer's window does not fill and hide the alert.
  stream.resume();
  stream.end(alertOf(fault));
  await new Promise<void>((resolve) => {
    if (stream.writableFinished || stream.destroyed) return resolve();
    stream.once("finish", resolve).once("close", resolve);
  });
  stream.close();
  const closedBy = fault === "hello-broken-off" ? "guest" : "gateway";
  return { code: 200, bytesUp: 0, bytesDown: 0, closedBy, reason: fault, greeted: said };
}

function faultOf(greeting: Greeting, { host }: Rule): TunnelFault | undefined {
  return greeting.status === "refused" ? greeting.reason : helloFaultOf(greeting.hello, host);
}

const NAMES_LENGTH_MAX = 300;
const PROTOCOLS_LENGTH_MAX = 100;

function saidBy({ serverNames, protocols, isEncrypted }: ClientHello): Greeted {
  return {
    sni: serverNames.length === 0 ? null : serverNames.join(",").slice(0, NAMES_LENGTH_MAX),
    alpn: protocols.length === 0 ? null : protocols.join(",").slice(0, PROTOCOLS_LENGTH_MAX),
    ech: isEncrypted,
  };
}

/** TLS has no words, only numbers (RFC 8446, 6): unrecognized_name, decode_error, access_denied. To what is no TLS nothing is said. */
function alertOf(fault: TunnelFault | "fake-credential"): Buffer {
  if (fault === "hello-not-tls" || fault === "hello-broken-off") return Buffer.alloc(0);
  const isName = fault === "hello-name-differs" || fault === "hello-no-name" || fault === "hello-names";
  return Buffer.from([21, 3, 3, 0, 2, 2, isName ? 112 : fault === "hello-malformed" ? 50 : 49]);
}

type Connected = { status: "connected"; socket: Socket } | { status: "failed"; detail: string };

function connectTo(host: string, port: number, leaving: Pick<Leaving, "onGone">): Promise<Connected> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
    const late = setTimeout(() => socket.destroy(new Error("no connection in time")), CONNECT_MS);
    const stay = leaving.onGone(() => socket.destroy(new Error("nobody waits for it any more")));
    // From then on it ends with the tunnel, which may have a last word to deliver when the guest has left.
    const settle = () => {
      clearTimeout(late);
      stay();
    };
    socket.once("close", settle);
    socket.once("connect", () => {
      settle();
      resolve({ status: "connected", socket });
    });
    // Once connected this is the tunnel's to see, too.
    socket.on("error", (error) => resolve({ status: "failed", detail: errnoOf(error) ?? messageOf(error) }));
  });
}
