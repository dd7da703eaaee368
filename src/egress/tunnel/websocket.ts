import { randomBytes } from "node:crypto";
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { errnoOf, messageOf } from "../../base/errors.ts";
import type { Rule } from "../allowlist.ts";
import { type Answer, refuse } from "../answer.ts";
import type { Connections } from "../connections.ts";
import type { Carried, ForeignCredential } from "../credentials.ts";
import type { Decision } from "../decide.ts";
import type { Exchange } from "../exchange.ts";
import type { Vetted } from "../resolver.ts";
import type { Carry } from "../send.ts";
import type { Hit, Watch } from "../watch/watch.ts";
import { relayFrames } from "./relayFrames.ts";
import { TUNNEL_LIMITS, type TunnelLimits } from "./tunnel.ts";
import { acceptOf } from "./upgraded.ts";

/**
 * A WebSocket that a rule allows (RFC 6455; from inside also RFC 8441). The guest's handshake and ours are two: Host, Origin and
 * the key are made here, of the subprotocols only those go out that the rule names, and no extension is agreed on. From then
 * on frames are read and made anew, see `relayFrames.ts`.
 */
export type WebsocketDesk = {
  open(allowed: Extract<Decision, { verdict: "allow" }>, request: WebsocketRequest): Promise<Answer>;
};

export type WebsocketRequest = {
  sandbox: string;
  headers: IncomingHttpHeaders;
  /** Ours, by the rule. */
  injected: Readonly<Record<string, string>>;
  /** Where the tunnel that it came through leads. */
  vetted: Extract<Vetted, { status: "vetted" }>;
  /** Aborts when the guest has left. */
  signal: AbortSignal;
  carry: Carry;
  /** A credential of others in a message. */
  credentialIn(message: Pick<Carried, "body" | "tokens">): ForeignCredential | undefined;
  ring(hits: readonly Hit[], credential?: ForeignCredential): void;
};

export type WebsocketParts = {
  connections: Pick<Connections, "fresh">;
  watch: Pick<Watch, "look">;
  isLatched(): boolean;
  clock: Clock;
  limits?: Partial<TunnelLimits>;
};

const HANDSHAKE_MS = 10_000;

export function websocketDesk(parts: WebsocketParts): WebsocketDesk {
  const limits = { ...TUNNEL_LIMITS, ...parts.limits };
  return {
    async open({ rule, target }, request) {
      const askedAt = parts.clock.monotonicMs();
      const { vetted } = request;
      const reached = { resolved: vetted.resolved, dialed: vetted.address, dnsMs: null, connectMs: null };
      const path = target.query === "" ? target.path : `${target.path}?${target.query}`;
      const offered = subprotocolsOf(request.headers, rule);
      const shaken = await shakeHands({ rule, path, offered, request }, parts.connections);
      if (shaken.status === "failed") return { ...refuse(shaken.reason, reached), detail: shaken.detail };
      const { socket, subprotocol } = shaken;
      const run = async (stream: Exchange) => {
        try {
          if (stream.destroyed || stream.closed)
            return { code: 200, bytesDown: 0, closedBy: "guest", reason: null } as const;
          stream.respond({
            ":status": 200,
            ...(subprotocol === null ? {} : { "sec-websocket-protocol": subprotocol }),
          });
          return await relayFrames(stream, socket, { rule, parts, request, limits });
        } finally {
          socket.destroy();
        }
      };
      return { status: "tunnel", trail: { ...reached, connectMs: parts.clock.monotonicMs() - askedAt }, run };
    },
  };
}

/** In the guest's order. A token may carry whatever somebody wants to bring out, so that only those of the rule go. */
function subprotocolsOf(headers: IncomingHttpHeaders, { subprotocols }: Rule): string[] {
  const value = headers["sec-websocket-protocol"] ?? "";
  return value
    .split(",")
    .map((one) => one.trim())
    .filter((one) => subprotocols.includes(one));
}

type Asked = { rule: Rule; path: string; offered: readonly string[]; request: WebsocketRequest };
type Shaken =
  | { status: "open"; socket: Duplex; subprotocol: string | null }
  | { status: "failed"; reason: "upstream-unreachable" | "websocket-refused"; detail: string };

async function shakeHands(
  { rule, path, offered, request }: Asked,
  connections: WebsocketParts["connections"],
): Promise<Shaken> {
  const { host, port, scheme } = rule;
  const socket = await connections
    .fresh({ scheme, host, port, address: request.vetted.address })
    .catch((thrown: unknown) => {
      if (!(thrown instanceof Error)) throw thrown;
      return thrown;
    });
  if (socket instanceof Error) return { status: "failed", reason: "upstream-unreachable", detail: detailOf(socket) };
  const key = randomBytes(16).toString("base64");
  const place = port === 443 ? host : `${host}:${port}`;
  const outgoing = httpRequest({
    createConnection: () => socket,
    path,
    signal: AbortSignal.any([request.signal, AbortSignal.timeout(HANDSHAKE_MS)]),
    headers: {
      "user-agent": "weakdoor",
      ...request.injected,
      host: place,
      origin: `https://${place}`,
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": key,
      ...(offered.length === 0 ? {} : { "sec-websocket-protocol": offered.join(", ") }),
    },
  });
  return new Promise((resolve) => {
    const fail = (reason: "upstream-unreachable" | "websocket-refused", detail: string) => {
      socket.destroy();
      resolve({ status: "failed", reason, detail });
    };
    outgoing.once("error", (error) => fail("upstream-unreachable", detailOf(error)));
    outgoing.once("response", ({ statusCode }) => fail("websocket-refused", `the host answered with ${statusCode}`));
    outgoing.once("upgrade", (response, peer, head) => {
      const fault = faultOf(response, key, offered);
      if (fault !== undefined) return fail("websocket-refused", fault);
      // From here on it is the relay's to see.
      peer.on("error", () => undefined);
      if (head.length > 0) peer.unshift(head);
      resolve({ status: "open", socket: peer, subprotocol: response.headers["sec-websocket-protocol"] ?? null });
    });
    outgoing.end();
  });
}

/** RFC 6455, 4.1: what makes of an answer none that opens. */
function faultOf({ headers }: IncomingMessage, key: string, offered: readonly string[]): string | undefined {
  if (headers.upgrade?.toLowerCase() !== "websocket") return "the host opened something else than a websocket";
  if (headers["sec-websocket-accept"] !== acceptOf(key)) return "the host did not answer our key";
  if (headers["sec-websocket-extensions"] !== undefined) return "the host wants an extension that nobody offered";
  const chosen = headers["sec-websocket-protocol"];
  if (chosen !== undefined && !offered.includes(chosen)) return "the host chose a subprotocol that nobody offered";
  return undefined;
}

function detailOf(error: Error): string {
  const code = errnoOf(error);
  return (code === undefined || code === "UNSPECIFIED" ? messageOf(error) : code).slice(0, 200);
}
