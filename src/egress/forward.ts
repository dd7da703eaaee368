import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "../base/clock.ts";
import { type Answer, type Came, refuse, type Sourced } from "./answer.ts";
import type { Connections } from "./connections.ts";
import { type Decision, isTypeListed } from "./decide.ts";
import type { Leaving } from "./leaving.ts";
import { type Vetted, type Vetting, vet } from "./resolver.ts";
import { BODILESS } from "./send.ts";
import { dial, type UpstreamResponse } from "./upstream.ts";

/**
 * A request that a rule allows, made anew: Host and SNI from the rule, only the headers named here, TLS by us, no
 * redirect followed (the guest sees it, and asking for the new place is a new decision).
 */
export type ForwardParts = { vetting: Vetting; connections: Connections; clock: Clock };

/** Headers that go out as they came. Cookies, keys and tokens of every name stay inside because they are not named here. */
const UP = new Set([
  "accept",
  "accept-language",
  "content-encoding",
  "content-type",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "range",
]);
/** Of HTTP/2 and of the hop: not credentials, not worth a word in the log. */
const OF_THE_HOP = new Set([
  "accept-encoding",
  "connection",
  "content-length",
  "host",
  "proxy-connection",
  "te",
  "user-agent",
]);
const DOWN = [
  "cache-control",
  "content-encoding",
  "content-range",
  "content-type",
  "date",
  "etag",
  "last-modified",
  "link",
  "location",
  "retry-after",
  "vary",
];
const DEADLINE_MS = 120_000;
const NAMES_MAX = 20;

/** Names of the headers from inside that do not go out, for the log. */
export function strippedOf(headers: IncomingHttpHeaders): string[] {
  const stripped: string[] = [];
  for (const name in headers) {
    const isKnown = name.startsWith(":") || UP.has(name) || OF_THE_HOP.has(name);
    if (!isKnown && stripped.length < NAMES_MAX) stripped.push(name.slice(0, 60));
  }
  return stripped;
}

/** @param known of a request through a tunnel: the address that was vetted when it was opened, and nobody is asked again. */
export async function forward(
  allowed: Extract<Decision, { verdict: "allow" }>,
  request: {
    method: string;
    headers: IncomingHttpHeaders;
    body: Buffer;
    leaving: Leaving;
    /** Ours, by the rule: what comes from inside under the same name does not go out. */
    injected: Readonly<Record<string, string>>;
  },
  parts: ForwardParts,
  known?: Vetted,
): Promise<Answer> {
  const { rule, target } = allowed;
  const askedAt = parts.clock.monotonicMs();
  const vetted = known ?? (await vet(rule.host, parts.vetting));
  const dnsMs = parts.clock.monotonicMs() - askedAt;
  const trail = { resolved: vetted.resolved, dialed: null, dnsMs, connectMs: null };
  if (vetted.status === "refused") return refuse(vetted.reason, trail);
  const dialed = await dial(
    {
      scheme: rule.scheme,
      host: rule.host,
      port: rule.port,
      address: vetted.address,
      isHttp2: rule.http2,
      method: request.method,
      path: target.query === "" ? target.path : `${target.path}?${target.query}`,
      headers: { ...headersUp(request.headers), ...request.injected },
      body: request.body,
      deadlineMs: DEADLINE_MS,
    },
    request.leaving,
    parts.connections,
  );
  const reached = { ...trail, dialed: vetted.address };
  if (dialed.status === "failed") return { ...refuse("upstream-unreachable", reached), detail: dialed.detail };
  const { response } = dialed;
  if (!isAnswerListed(request.method, response, rule.responseTypes)) {
    response.letGo();
    return refuse("response-type-not-listed", { ...reached, connectMs: dialed.connectMs });
  }
  return {
    status: "ready",
    code: codeOf(response.statusCode),
    headers: pick(response.headers, DOWN),
    body: bodyOf(response, rule.responseBytesMax),
    trail: { ...reached, connectMs: dialed.connectMs },
  };
}

function bodyOf(response: UpstreamResponse, bytesMax: number): Sourced | Came {
  const whole = response.whole();
  if (whole !== null) return { bytes: whole, bytesMax };
  const source = response.body();
  return { source, bytesMax, done: () => source.destroy() };
}

/** What has no body has no type. One that has, and does not say of which type, is of none that is listed. */
function isAnswerListed(method: string, response: UpstreamResponse, listed: readonly string[] | undefined): boolean {
  if (listed === undefined || method === "HEAD" || BODILESS.includes(response.statusCode)) return true;
  return isTypeListed(response.headers["content-type"] ?? "", listed);
}

function headersUp(headers: IncomingHttpHeaders): Record<string, string> {
  const up = pick(headers, UP);
  up["accept-encoding"] = "identity";
  up["user-agent"] = "weakdoor";
  return up;
}

/** The named headers that are there, in one string each. */
export function pick(headers: IncomingHttpHeaders, names: Iterable<string>): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined) picked[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return picked;
}

/** A status that HTTP/2 can carry; anything else is the host's fault. */
export function codeOf(statusCode: number | undefined): number {
  return statusCode !== undefined && statusCode >= 200 && statusCode <= 599 ? statusCode : 502;
}
