import type { IncomingHttpHeaders } from "node:http";
import { createServer, type TLSSocket } from "node:tls";
import { type ChannelEnd, serveChannel } from "../../sandbox/channel.ts";
import type { Exchange } from "../exchange.ts";
import type { TunnelFault } from "../reasons.ts";
import type { Sent } from "../send.ts";
import type { CertificateAuthority } from "./authority.ts";
import { type Form, serveHttp1 } from "./http1.ts";
import type { Inner, TunnelLimits, TunnelRequest } from "./tunnel.ts";

export type TerminateParts = {
  authority: CertificateAuthority;
  inner: Omit<Inner, "form" | "upgrade">;
  request: Pick<TunnelRequest, "serve">;
  limits: TunnelLimits;
};

/** A tunnel is one client of one host: it needs less than a whole sandbox does. */
const HTTP2_LIMITS = { streamsMax: 100, memoryMiBMax: 16, windowBytes: 1024 * 1024, isConnectExtended: true };

/** RFC 7301, 3.1. As bytes: from names Node makes a buffer of the shared pool for each server, which keeps 64 KiB alive. */
const PROTOCOLS = new TextEncoder().encode("\u0002h2\u0008http/1.1");

/**
 * Ends the guest's TLS under a certificate of this cycle's, and serves what comes out, HTTP/2 or HTTP/1.1 as the client
 * prefers, as requests that are decided one by one. Nothing goes out before the first of them is let through. Its bytes are
 * counted with those requests.
 */
export async function terminate(stream: Exchange, parts: TerminateParts): Promise<Sent> {
  const { authority, inner, request, limits } = parts;
  const context = await authority.contextFor(inner.place.host);
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
  const server = createServer({
    SNICallback: (_, done) => done(null, context),
    ALPNProtocols: PROTOCOLS,
    handshakeTimeout: limits.greetingMs,
  });
  server.once("tlsClientError", () => end("tls-failed"));
  server.once("secureConnection", (socket: TLSSocket) => {
    socket.on("error", () => end());
    socket.once("close", () => end());
    stream.once("close", () => socket.destroy());
    if (socket.alpnProtocol !== "h2") return serveHttp1(socket, serve, () => (fault ??= "inner-malformed"));
    session = serveChannel(socket, serve, HTTP2_LIMITS).closed;
  });
  stream.once("close", () => end());
  server.emit("connection", stream);
  try {
    await over.promise;
    await Promise.all(pending);
    // The connection is gone before the session says what it did not like.
    if ((await session)?.status === "refused") fault ??= "inner-malformed";
  } finally {
    clearTimeout(idle);
    clearTimeout(last);
  }
  const closedBy = fault === undefined ? "guest" : "gateway";
  return { code: 200, bytesUp: 0, bytesDown: 0, closedBy, reason: fault ?? null };
}
