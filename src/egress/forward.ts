import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "../base/clock.ts";
import { type Answer, refuse } from "./answer.ts";
import type { Decision } from "./decide.ts";
import { type Vetting, vet } from "./resolver.ts";
import { dial } from "./upstream.ts";

/**
 * A request that a rule allows, made anew: Host and SNI from the rule, only the headers named here, TLS by us, no
 * redirect followed (the guest sees it, and asking for the new place is a new decision).
 */
export type ForwardParts = { vetting: Vetting; certificates: readonly string[]; clock: Clock };

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
  const names = Object.keys(headers).filter(
    (name) => !name.startsWith(":") && !UP.has(name) && !OF_THE_HOP.has(name),
  );
  return names.slice(0, NAMES_MAX).map((name) => name.slice(0, 60));
}

export async function forward(
  allowed: Extract<Decision, { verdict: "allow" }>,
  request: { method: string; headers: IncomingHttpHeaders; body: Buffer; signal: AbortSignal },
  parts: ForwardParts,
): Promise<Answer> {
  const { rule, target } = allowed;
  const askedAt = parts.clock.monotonicMs();
  const vetted = await vet(rule.host, parts.vetting);
  const dnsMs = parts.clock.monotonicMs() - askedAt;
  const trail = { resolved: vetted.resolved, dialed: null, dnsMs, connectMs: null };
  if (vetted.status === "refused") return refuse(vetted.reason, trail);
  const dialed = await dial(
    {
      scheme: rule.scheme,
      host: rule.host,
      port: rule.port,
      address: vetted.address,
      method: request.method,
      path: target.query === "" ? target.path : `${target.path}?${target.query}`,
      headers: headersUp(request.headers),
      body: request.body,
      deadlineMs: DEADLINE_MS,
      certificates: parts.certificates,
    },
    request.signal,
  );
  const reached = { ...trail, dialed: vetted.address };
  if (dialed.status === "failed") return refuse("upstream-unreachable", reached);
  const { response } = dialed;
  return {
    status: "ready",
    code: codeOf(response.statusCode),
    headers: pick(response.headers, DOWN),
    body: { source: response, bytesMax: rule.responseBytesMax, done: () => response.destroy() },
    trail: { ...reached, connectMs: dialed.connectMs },
  };
}

function headersUp(headers: IncomingHttpHeaders): Record<string, string> {
  return { ...pick(headers, [...UP]), "accept-encoding": "identity", "user-agent": "weakdoor" };
}

/** The named headers that are there, in one string each. */
export function pick(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      if (value === undefined) return [];
      return [[name, Array.isArray(value) ? value.join(", ") : value]];
    }),
  );
}

/** A status that HTTP/2 can carry; anything else is the host's fault. */
export function codeOf(statusCode: number | undefined): number {
  return statusCode !== undefined && statusCode >= 200 && statusCode <= 599 ? statusCode : 502;
}
