import type { IncomingHttpHeaders } from "node:http";
import { TLSSocket } from "node:tls";
import { type ChannelEnd, serveChannel } from "../../sandbox/channel.ts";
import type { Exchange } from "../exchange.ts";
import type { TunnelFault } from "../reasons.ts";
import type { Sent } from "../send.ts";
import type { CertificateAuthority } from "./authority.ts";
import type { Form, Http1Server } from "./http1.ts";
import type { Inner, TunnelLimits, TunnelRequest } from "./tunnel.ts";

export type TerminateParts = {
  authority: CertificateAuthority;
  inner: Omit<Inner, "form" | "upgrade">;
  request: Pick<TunnelRequest, "serve">;
  limits: TunnelLimits;
  http1: Http1Server;
};

/** A tunnel is one client of one host: it needs less than a whole sandbox does. */
const HTTP2_LIMITS = { streamsMax: 100, memoryMiBMax: 16, windowBytes: 1024 * 1024, isConnectExtended: true };

/** RFC 7301, 3.1. In this form, because of any other Node makes a buffer of the shared pool for each socket, which keeps 64 KiB alive. */
const PROTOCOLS = new DataView(new TextEncoder().encode("\u0002h2\u0008http/1.1").buffer);

/**
 * Ends the guest's TLS under a certificate of this cycle's, and serves what comes out, HTTP/2 or HTTP/1.1 as the client
 * prefers, as requests that are decided one by one. Nothing goes out before the first of them is let through. Its bytes are
 * counted with those requests.
 */
export async function terminate(stream: Exchange, parts: TerminateParts): Promise<Sent> {
  const { authority, inner, request, limits, http1 } = parts;
  const over = Promise.withResolvers<void>();
  const pending = new Set<Promise<void>>();
  let fault: TunnelFault | undefined;
  let session: Promise<ChannelEnd> | undefined;
  const end = (reason?: TunnelFault) => {
    fault ??= reason;
    stream.close();
    over.resolve();
  };
  // Runs while no request is under way, so also against one whose head never gets whole.
  let idle: NodeJS.Timeout | undefined;
  const wait = () => {
    idle = setTimeout(() => end("tunnel-idle"), limits.idleMs);
  };
  wait();
  const last = setTimeout(() => end("tunnel-too-long"), limits.lifetimeMs);
  const serve = (exchange: Exchange, headers: IncomingHttpHeaders, { fault: form, upgrade }: Form = {}) => {
    clearTimeout(idle);
    const served = request.serve(exchange, headers, { ...inner, form, upgrade });
    pending.add(served);
    served.then(() => {
      pending.delete(served);
      if (pending.size === 0 && !stream.destroyed) wait();
    }, over.reject);
  };
  // No server of TLS: each would hold a context of its own, and the greeting has named the one host that this is for.
  const socket = new TLSSocket(stream, {
    isServer: true,
    secureContext: await authority.contextFor(inner.place.host),
    ALPNProtocols: PROTOCOLS,
  });
  const late = setTimeout(() => end("tls-failed"), limits.greetingMs);
  let isSecure = false;
  socket.once("secure", () => {
    isSecure = true;
    clearTimeout(late);
    // As a server of TLS says it of its sockets: a session of HTTP/2 begins only then.
    Object.assign(socket, { secureConnecting: false });
    if (socket.alpnProtocol !== "h2") return http1.serve(socket, serve, () => (fault ??= "inner-malformed"));
    session = serveChannel(socket, serve, HTTP2_LIMITS).closed;
  });
  socket.on("error", () => end(isSecure ? undefined : "tls-failed"));
  socket.once("close", () => end(isSecure || stream.destroyed ? undefined : "tls-failed"));
  stream.once("close", () => socket.destroy());
  stream.once("close", () => end());
  try {
    await over.promise;
    await Promise.all(pending);
    // The connection is gone before the session says what it did not like.
    if ((await session)?.status === "refused") fault ??= "inner-malformed";
  } finally {
    clearTimeout(idle);
    clearTimeout(last);
    clearTimeout(late);
  }
  const closedBy = fault === undefined ? "guest" : "gateway";
  return { code: 200, bytesUp: 0, bytesDown: 0, closedBy, reason: fault ?? null };
}
