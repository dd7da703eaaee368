import type { IncomingHttpHeaders } from "node:http";
import { isIPv6 } from "node:net";
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { errnoOf, messageOf } from "../base/errors.ts";
import type { Connections } from "./connections.ts";
import type { Leaving } from "./leaving.ts";
import { type UpstreamBody, upstreamBody } from "./upstreamBody.ts";

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

export type UpstreamResponse = {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  /** All of its body, where all of it came at once; else null. */
  whole(): Buffer | null;
  /** Its body as it comes, asked for once. Destroying it before its end lets go of the host. */
  body(): Readable;
  /** Of a body that nobody wants. */
  letGo(): void;
};

/** No redirect followed, no proxy, nothing tried twice. A guest that leaves tears it down at any time. */
export function dial(request: Dial, leaving: Pick<Leaving, "onGone">, connections: Connections): Promise<Dialed> {
  return new Promise((resolve, reject) => {
    const exchange = upstreamExchange(resolve);
    const late = setTimeout(() => exchange.abort(new Error("not done in time")), request.deadlineMs);
    const stay = leaving.onGone(() => exchange.abort(new Error("nobody waits for it any more")));
    exchange.over(() => {
      clearTimeout(late);
      stay();
    });
    if (exchange.isAborted()) return;
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

type Exchange = {
  handler: Dispatcher.DispatchHandler;
  abort(reason: Error): void;
  isAborted(): boolean;
  over(call: () => void): void;
};

/** What undici tells of one request, as one promise and then one body. */
function upstreamExchange(resolve: (dialed: Dialed) => void): Exchange {
  const startedAt = performance.now();
  let controller: Dispatcher.DispatchController | undefined;
  let connectMs: number | null = null;
  let body: UpstreamBody | undefined;
  let aborted: Error | undefined;
  let isOver = false;
  let onOver = () => {};
  const end = () => {
    isOver = true;
    onOver();
  };
  const fail = (error: Error) => {
    end();
    if (body !== undefined) return body.fail(error);
    const code = errnoOf(error);
    // OpenSSL has more ways to say no than Node has codes for.
    const detail = code === undefined || code === "UNSPECIFIED" ? messageOf(error) : code;
    resolve({ status: "failed", detail: detail.slice(0, 200), wasConnected: connectMs !== null });
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
      const opened = upstreamBody(started, end);
      body = opened;
      const { whole, stream, letGo } = opened;
      const response = { statusCode, headers, whole, body: stream, letGo };
      resolve({ status: "answered", response, connectMs: connectMs ?? 0 });
    },
    onResponseData: (_, chunk) => body?.take(chunk),
    onResponseEnd() {
      end();
      body?.end();
    },
    onResponseError: (_, error) => fail(error),
    // A connection that is made into something else is none of ours.
    onRequestUpgrade: (started) => started.abort(new Error("it answered with an upgrade")),
  };
  return {
    handler,
    abort,
    isAborted: () => aborted !== undefined,
    over(call) {
      onOver = call;
      if (isOver) call();
    },
  };
}

function hostHeader({ scheme, host, port }: Dial): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return port === (scheme === "https" ? 443 : 80) ? name : `${name}:${port}`;
}
