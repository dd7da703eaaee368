import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, isIPv6 } from "node:net";
import { rootCertificates } from "node:tls";
import { errnoOf, messageOf } from "../base/errors.ts";

/** One request to the outside. Everything in it was decided here; nothing is taken over from the guest unseen. */
export type Dial = {
  scheme: "http" | "https";
  /** Goes into Host, SNI and the check of the certificate. */
  host: string;
  port: number;
  /** What is really connected to. */
  address: string;
  method: string;
  /** Path and query. */
  path: string;
  headers: Record<string, string>;
  body: Uint8Array;
  /** From the first byte out to the last byte in. */
  deadlineMs: number;
  /** PEM certificates trusted besides the system's. */
  certificates: readonly string[];
};

export type Dialed =
  | { status: "answered"; response: IncomingMessage; connectMs: number }
  | {
      status: "failed";
      detail: string /** Then the request may have been read, and may cost something. */;
      wasConnected: boolean;
    };

const CONNECT_MS = 10_000;
const IDLE_MS = 60_000;

/** One connection a request, no redirect followed, no proxy, no reuse. `signal` tears it down at any time. */
export function dial(request: Dial, signal: AbortSignal): Promise<Dialed> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    let connectMs: number | null = null;
    const outgoing = (request.scheme === "https" ? requestHttps : requestHttp)({
      host: request.address,
      port: request.port,
      method: request.method,
      path: request.path,
      headers: {
        ...request.headers,
        host: hostHeader(request),
        ...(request.body.length > 0 || request.method === "POST"
          ? { "content-length": `${request.body.length}` }
          : {}),
        connection: "close",
      },
      setHost: false,
      agent: false,
      signal,
      timeout: IDLE_MS,
      ...(request.scheme === "https"
        ? {
            // RFC 6066: an address is no server name.
            servername: isIP(request.host) === 0 ? request.host : "",
            ALPNProtocols: ["http/1.1"],
            minVersion: "TLSv1.2" as const,
            ca: [...rootCertificates, ...request.certificates],
          }
        : {}),
    });
    const late = setTimeout(() => outgoing.destroy(new Error("no connection in time")), CONNECT_MS);
    const last = setTimeout(() => outgoing.destroy(new Error("not done in time")), request.deadlineMs);
    outgoing.once("close", () => {
      clearTimeout(late);
      clearTimeout(last);
    });
    outgoing.once("socket", (socket) => {
      socket.once(request.scheme === "https" ? "secureConnect" : "connect", () => {
        clearTimeout(late);
        connectMs = performance.now() - startedAt;
      });
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error("nothing came for a minute")));
    outgoing.once("response", (response) => resolve({ status: "answered", response, connectMs: connectMs ?? 0 }));
    // After the answer began this is the response's own error too, which its reader handles.
    outgoing.on("error", (error) => {
      resolve({ status: "failed", detail: errnoOf(error) ?? messageOf(error), wasConnected: connectMs !== null });
    });
    outgoing.end(request.body);
  });
}

function hostHeader({ scheme, host, port }: Dial): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return port === (scheme === "https" ? 443 : 80) ? name : `${name}:${port}`;
}
