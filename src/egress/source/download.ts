import { createWriteStream } from "node:fs";
import { Agent } from "node:https";
import { isIPv6, type LookupFunction } from "node:net";
import { pipeline } from "node:stream/promises";
import { rootCertificates } from "node:tls";
import { createGunzip } from "node:zlib";
import got, { type Request, RequestError, type Response, TimeoutError } from "got";
import { errnoOf, messageOf } from "../../base/errors.ts";
import type { SourceRequest } from "../../sources/source.ts";
import type { SourceFault } from "./faults.ts";
import { Overrun, overrunGuard } from "./guard.ts";

/** One request over one connection to one vetted address. No redirect is followed here, nothing is tried twice, no cookie is kept. */
export type Hop = {
  request: SourceRequest;
  /** What is really connected to. */
  address: string;
  /** What the rule puts in, known to nobody inside. */
  injected: Readonly<Record<string, string>>;
  /** For a conditional request. */
  etag: string | null;
  lastModified: string | null;
  wireBytesMax: number;
  bytesMax: number;
  timeMs: number;
  certificates: readonly string[];
};

export type Downloaded = Outcome & {
  /** 0 when no answer came. */
  code: number;
  /** As they came over the wire. */
  bytes: number;
};

type Outcome =
  | { status: "whole"; mediaType: string; etag: string | null; lastModified: string | null }
  | { status: "unchanged" }
  | { status: "redirected" /** As the host wrote it. */; location: string | null }
  | { status: "asked-to-wait"; waitMs: number }
  | { status: "refused"; reason: SourceFault | "upstream-unreachable"; detail: string };

const CONNECT_MS = 10_000;
/** For the first byte of an answer, and between two of its bytes. */
const IDLE_MS = 30_000;
const HEADER_BYTES_MAX = 16 * 1024;
const USER_AGENT = "weakdoor (measures agent sandboxes; reads public advisories)";
const WAIT_MS_DEFAULT = 60_000;
const WAIT_MS_MAX = 24 * 3_600_000;

/** Writes the answer's bytes, unpacked from a gzip transfer, into `file`, which must not be there. Rejects only when the disk does, or with the signal's reason. */
export async function download(hop: Hop, file: string, signal: AbortSignal): Promise<Downloaded> {
  const agent = new Agent({ keepAlive: false, maxSockets: 1 });
  const started = ask(hop, agent, signal);
  try {
    const outcome = await outcomeOf(hop, started, file, signal);
    return { ...outcome, code: started.response?.statusCode ?? 0, bytes: started.downloadProgress.transferred };
  } finally {
    started.destroy();
    agent.destroy();
  }
}

async function outcomeOf(hop: Hop, started: Request, file: string, signal: AbortSignal): Promise<Outcome> {
  try {
    return await take(hop, started, await responseOf(started), file);
  } catch (thrown) {
    signal.throwIfAborted();
    const fault = faultOf(thrown, started.response !== undefined);
    if (fault === undefined) throw thrown;
    return fault;
  }
}

function ask(hop: Hop, agent: Agent, signal: AbortSignal): Request {
  const { request } = hop;
  const stream = got.stream(request.url, {
    method: request.method,
    ...(request.body === null ? {} : { body: request.body }),
    headers: {
      accept: request.accept.join(", "),
      "accept-encoding": "gzip",
      connection: "close",
      "user-agent": USER_AGENT,
      ...(request.body === null ? {} : { "content-type": "application/json" }),
      ...(hop.etag === null ? {} : { "if-none-match": hop.etag }),
      ...(hop.lastModified === null ? {} : { "if-modified-since": hop.lastModified }),
      ...hop.injected,
    },
    agent: { https: agent },
    dnsLookup: only(hop.address),
    decompress: false,
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    timeout: {
      connect: CONNECT_MS,
      secureConnect: CONNECT_MS,
      response: IDLE_MS,
      socket: IDLE_MS,
      request: hop.timeMs,
    },
    maxHeaderSize: HEADER_BYTES_MAX,
    https: {
      certificateAuthority: [...rootCertificates, ...hop.certificates],
      minVersion: "TLSv1.2",
      alpnProtocols: ["http/1.1"],
    },
    signal,
  });
  // What breaks is seen where the answer is waited for or taken; this keeps one that comes in between from ending the process.
  stream.on("error", () => undefined);
  return stream;
}

/** Whatever name is looked up, it is this address: the one that was vetted. */
function only(address: string): LookupFunction {
  const family = isIPv6(address) ? 6 : 4;
  return (_host, options, done) => {
    if (options.all === true) done(null, [{ address, family }]);
    else done(null, address, family);
  };
}

function responseOf(stream: Request): Promise<Response> {
  return new Promise((resolve, reject) => {
    stream.once("response", resolve);
    stream.once("error", reject);
  });
}

async function take(hop: Hop, stream: Request, response: Response, file: string): Promise<Outcome> {
  const { statusCode: code, headers } = response;
  if (code === 304 && (hop.etag !== null || hop.lastModified !== null)) return { status: "unchanged" };
  if (code >= 300 && code < 400 && code !== 304) return { status: "redirected", location: headers.location ?? null };
  if (code === 429 || code === 503) return { status: "asked-to-wait", waitMs: waitOf(headers["retry-after"]) };
  if (code !== 200) return refuse("source-status", `status ${code}`);
  const mediaType = (headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (!hop.request.accept.includes(mediaType)) return refuse("source-type", mediaType.slice(0, 100));
  const encoding = headers["content-encoding"]?.toLowerCase() ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip") return refuse("source-encoding", encoding.slice(0, 60));
  if (Number(headers["content-length"] ?? 0) > hop.wireBytesMax) return refuse("source-too-long", "by its own word");
  const wire = overrunGuard(hop.wireBytesMax, "source-too-long");
  const whole = overrunGuard(hop.bytesMax, "source-too-long");
  const sink = createWriteStream(file, { flags: "wx", mode: 0o600 });
  if (encoding === "gzip") await pipeline(stream, wire, createGunzip(), whole, sink);
  else await pipeline(stream, wire, whole, sink);
  if (sink.bytesWritten === 0) return refuse("source-empty", "no bytes");
  return { status: "whole", mediaType, etag: short(headers.etag), lastModified: short(headers["last-modified"]) };
}

/** Undefined when it is no doing of the host's: the disk's, or ours. */
function faultOf(thrown: unknown, hasBegun: boolean): Outcome | undefined {
  if (thrown instanceof Overrun) return refuse(thrown.reason, thrown.message);
  if (thrown instanceof TimeoutError) return refuse("source-too-slow", thrown.event);
  const code = errnoOf(thrown) ?? "";
  if (code.startsWith("Z_")) return refuse("source-encoding", code);
  if (!(thrown instanceof RequestError) && code !== "ERR_STREAM_PREMATURE_CLOSE") return undefined;
  return refuse(hasBegun ? "source-broken-off" : "upstream-unreachable", `${code} ${messageOf(thrown)}`);
}

function refuse(reason: SourceFault | "upstream-unreachable", detail: string): Outcome {
  return { status: "refused", reason, detail: detail.slice(0, 300) };
}

/** A validator that would not fit into a request is not kept. */
function short(header: string | undefined): string | null {
  return header !== undefined && /^[\x20-\x7e]{1,200}$/.test(header) ? header : null;
}

/** Retry-After in seconds or as a date (RFC 9110); without one, a minute. */
function waitOf(header: string | undefined): number {
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header ?? "") - Date.now() : seconds * 1_000;
  if (header === undefined || Number.isNaN(ms)) return WAIT_MS_DEFAULT;
  return Math.min(Math.max(ms, 1_000), WAIT_MS_MAX);
}
