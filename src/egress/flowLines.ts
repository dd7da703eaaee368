import { sha256Hex } from "../base/hash.ts";
import { oneLine } from "../base/text.ts";
import type { AdmittedGuest } from "./admitted.ts";
import type { Answer } from "./answer.ts";
import type { EgressRequest } from "./decide.ts";
import { strippedOf } from "./forward.ts";
import type { Judged } from "./judge.ts";
import { parseTarget } from "./path.ts";
import type { Reason } from "./reasons.ts";
import { type CloseLine, NOT_GREETED, type OpenLine } from "./record.ts";
import type { Sent } from "./send.ts";
import type { Hit } from "./watch/watch.ts";

/** What a flow leaves in the egress log and in an alarm. */
export type Asked = EgressRequest;

/** The value of a fake, or of a credential, does not go into the log either: what carried one is left out. */
export function openLine(judged: Judged, flow: number): OpenLine {
  const { asked, decision, refusal, guest, headers, body, inner } = judged;
  const isTunnel = decision.verdict === "tunnel";
  const redactions = redactedOf(judged);
  const isShown = (field: string) => !redactions.includes(field);
  return {
    event: "open",
    sandbox: guest.name,
    backend: guest.backend,
    role: guest.role,
    flow,
    policyHash: judged.policy.hash,
    authority: isShown("authority") ? (asked.authority ?? "").slice(0, 300) : "",
    scheme: schemeOf(asked),
    method: isShown("method") ? asked.method.slice(0, 30) : "",
    path: isShown("path") ? ((asked.path ?? "").split("?", 1)[0] ?? "").slice(0, 300) : "",
    queryKeys: decision.verdict === "deny" && isShown("path") ? queryKeysOf(asked.path) : [],
    host: decision.rule?.host ?? null,
    port: decision.rule?.port ?? null,
    verdict: refusal !== null ? "deny" : isTunnel ? "allow" : decision.verdict,
    reason: refusal ?? decision.reason,
    rule: decision.rule?.id ?? null,
    pathTemplate: decision.verdict === "allow" ? decision.template : null,
    bytesUp: body.length,
    bodySha256: isShown("bodySha256") && body.length > 0 ? sha256Hex(body) : null,
    budgetLeft: judged.budgetLeft,
    credential: judged.credential ?? null,
    redactions,
    mode: refusal !== null ? null : isTunnel ? decision.rule.mode : (asked.upgrade ?? null),
    tunnel: inner?.flow ?? null,
    stripped: decision.verdict === "allow" && isShown("stripped") ? strippedOf(headers) : [],
    ...(inner?.greeted ?? NOT_GREETED),
  };
}

function schemeOf({ method, scheme }: Asked): OpenLine["scheme"] {
  return method !== "CONNECT" && (scheme === "http" || scheme === "https") ? scheme : null;
}

const QUERY_KEYS_MAX = 20;

function queryKeysOf(path: string | undefined): string[] {
  if (path?.includes("?") !== true) return [];
  const target = parseTarget(path);
  return target.status === "ok" ? [...new Set(target.queryKeys)].slice(0, QUERY_KEYS_MAX) : [];
}

function redactedOf({ hit, credential }: Judged): string[] {
  if (hit !== undefined) return ["authority", "method", "path", "stripped", "bodySha256"];
  if (credential?.place === "path") return ["path"];
  // Of a body that is nothing but the credential, the hash is one that values can be tried against.
  return credential?.place === "body" ? ["bodySha256"] : [];
}

export function closeLine(open: OpenLine, answer: Answer, sent: Sent, durationMs: number): CloseLine {
  const { sni, alpn, ech } = sent.greeted ?? open;
  return {
    event: "close",
    sandbox: open.sandbox,
    flow: open.flow,
    policyHash: open.policyHash,
    status: sent.code,
    closedBy: sent.closedBy,
    reason: sent.reason ?? (answer.status === "refused" ? [answer.reason, answer.detail].join(" ").trim() : "ok"),
    ...answer.trail,
    bytesUp: sent.bytesUp ?? 0,
    bytesDown: sent.bytesDown,
    durationMs: Math.round(durationMs * 1000) / 1000,
    credential: sent.credential ?? null,
    sni,
    alpn,
    ech,
  };
}

/** Of a request that a cap turned away: nothing of it was looked at but what it says in its first line. */
export function unreadLine(
  asked: Asked,
  reason: Reason,
  guest: AdmittedGuest,
  policyHash: string,
  flow: number,
): OpenLine {
  return {
    event: "open",
    sandbox: guest.name,
    backend: guest.backend,
    role: guest.role,
    flow,
    policyHash,
    // Nobody searched them for fakes.
    authority: "",
    scheme: schemeOf(asked),
    method: asked.method.slice(0, 30),
    path: "",
    queryKeys: [],
    host: null,
    port: null,
    verdict: "deny",
    reason,
    rule: null,
    pathTemplate: null,
    bytesUp: 0,
    bodySha256: null,
    budgetLeft: null,
    credential: null,
    redactions: ["authority", "path"],
    mode: null,
    tunnel: null,
    stripped: [],
    ...NOT_GREETED,
  };
}

const PLACES = { headers: "in the headers", path: "in the path", body: "in the body", parts: "over several parts" };

/** For the alarm: what was seen, how it was written, and where it was going. */
export function wordsOf({ where, sighting }: Hit, asked: Asked): string {
  // A name that carries the fake itself, or a piece of it, is not repeated.
  const isShown = where === "path" || where === "body";
  const to = isShown ? oneLine(asked.authority ?? "no host", 120) : "a host";
  const method = isShown ? oneLine(asked.method, 20) : "request";
  const place = where === "requests" ? "over several requests, the last a" : `${PLACES[where]} of a`;
  return oneLine(
    `${sighting.kind} of ${sighting.file}, written ${sighting.encoding}, ${place} ${method} to ${to}`,
    500,
  );
}
