import type { IncomingHttpHeaders } from "node:http";
import { isIPv6 } from "node:net";
import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { errnoOf, messageOf } from "../base/errors.ts";
import type { Connections } from "./connections.ts";

/** One request to the outside. Everything in it was decided here; nothing is taken over from the guest unseen. */
export type Dial = {
  scheme: "http" | "https";
  /** Goes into Host, SNI and the check of the certificate. */
  host: string;
  port: number;
  /** What is really connected to. */
  address: string;
  /** May HTTP/2 be agreed on with it? */
  isHttp2?: boolean;
  method: string;
  /** Path and query. */
  path: string;
  headers: Record<string, string>;
  body: Uint8Array;
  /** From the first byte out to the last byte in. */
  deadlineMs: number;
};

export type Dialed =
  | {
      status: "answered";
      response: UpstreamResponse /** Until the request went out: next to nothing where a connection was kept. */;
      connectMs: number;
    }
  | {
      status: "failed";
      detail: string /** Then the request may have been read, and may cost something. */;
      wasConnected: boolean;
    };

/** Its bytes as they come. Destroying it before its end lets go of the host. */
export type UpstreamResponse = Readable & { statusCode: number; headers: IncomingHttpHeaders };

/** No redirect followed, no proxy, nothing tried twice. `signal` tears it down at any time. */
export function dial(request: Dial, signal: AbortSignal, connections: Connections): Promise<Dialed> {
  return new Promise((resolve, reject) => {
    const exchange = upstreamExchange(resolve);
    const late = setTimeout(() => exchange.abort(new Error("not done in time")), request.deadlineMs);
    const onAbort = () => exchange.abort(new Error("nobody waits for it any more"));
    signal.addEventListener("abort", onAbort, { once: true });
    exchange.over(() => {
      clearTimeout(late);
      signal.removeEventListener("abort", onAbort);
    });
    if (signal.aborted) return onAbort();
    connections.to(request).then((pool) => pool.dispatch(dispatched(request), exchange.handler), reject);
  });
}

function dispatched(request: Dial): Dispatcher.DispatchOptions {
  return {
    origin: `${request.scheme}://${hostHeader(request)}`,
    path: request.path,
    method: request.method,
    headers: { ...request.headers, host: hostHeader(request) },
    body: request.body.length === 0 ? null : request.body,
  };
}

type Exchange = { handler: Dispatcher.DispatchHandler; abort(reason: Error): void; over(call: () => void): void };

/** What undici tells of one request, as one promise and then one stream. */
function upstreamExchange(resolve: (dialed: Dialed) => void): Exchange {
  const startedAt = performance.now();
  let controller: Dispatcher.DispatchController | undefined;
  let connectMs: number | null = null;
  let response: UpstreamResponse | undefined;
  let aborted: Error | undefined;
  let isWhole = false;
  let onOver = () => {};
  const fail = (error: Error) => {
    onOver();
    if (response !== undefined) response.destroy(error);
    else {
      const code = errnoOf(error);
      // OpenSSL has more ways to say no than Node has codes for.
      const detail = code === undefined || code === "UNSPECIFIED" ? messageOf(error) : code;
      resolve({ status: "failed", detail: detail.slice(0, 200), wasConnected: connectMs !== null });
    }
  };
  const abort = (reason: Error) => {
    aborted ??= reason;
    controller?.abort(aborted);
    fail(aborted);
  };
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      // It waited for a connection, and meanwhile it was given up.
      if (aborted !== undefined) return started.abort(aborted);
      controller = started;
      connectMs = performance.now() - startedAt;
    },
    onResponseStart(started, statusCode, headers) {
      // RFC 9110, 15.2: interim answers, and the real one follows.
      if (statusCode < 200) return;
      const body = new Readable({
        read: () => started.resume(),
        destroy(error, done) {
          onOver();
          if (!isWhole) started.abort(error ?? new Error("let go of"));
          done(error);
        },
      });
      response = Object.assign(body, { statusCode, headers });
      resolve({ status: "answered", response, connectMs: connectMs ?? 0 });
    },
    onResponseData(started, chunk) {
      if (response?.push(chunk) === false) started.pause();
    },
    onResponseEnd() {
      isWhole = true;
      onOver();
      response?.push(null);
    },
    onResponseError: (_, error) => fail(error),
    // A connection that is made into something else is none of ours.
    onRequestUpgrade: (started) => started.abort(new Error("it answered with an upgrade")),
  };
  return {
    handler,
    abort,
    over: (call) => {
      onOver = call;
    },
  };
}

function hostHeader({ scheme, host, port }: Dial): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return port === (scheme === "https" ? 443 : 80) ? name : `${name}:${port}`;
}
