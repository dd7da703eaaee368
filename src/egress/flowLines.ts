import type { IncomingHttpHeaders } from "node:http2";
import { oneLine } from "../base/text.ts";
import type { AdmittedGuest } from "./admitted.ts";
import type { Answer } from "./answer.ts";
import type { Decision, EgressRequest } from "./decide.ts";
import { strippedOf } from "./forward.ts";
import type { Reason } from "./reasons.ts";
import type { CloseLine, OpenLine } from "./record.ts";
import type { Sent } from "./send.ts";
import type { Hit } from "./watch.ts";

/** What a flow leaves in the egress log and in an alarm. */
export type Asked = EgressRequest;

export type FlowSoFar = {
  asked: Asked;
  decision: Decision;
  refusal: Reason | null;
  hit: Hit | undefined;
  guest: AdmittedGuest;
  headers: IncomingHttpHeaders;
  bytesUp: number;
  /** The flow of the tunnel that it came through. */
  tunnel: number | null;
};

/** A fake's value does not go into the log either: what carried one is left out. */
export function openLine(soFar: FlowSoFar, flow: number): OpenLine {
  const { asked, decision, refusal, hit, guest, headers, bytesUp, tunnel } = soFar;
  const isTunnel = decision.verdict === "tunnel";
  const isShown = hit === undefined;
  return {
    event: "open",
    sandbox: guest.name,
    role: guest.role,
    flow,
    authority: isShown ? (asked.authority ?? "").slice(0, 300) : "",
    method: isShown ? asked.method.slice(0, 30) : "",
    path: isShown ? ((asked.path ?? "").split("?", 1)[0] ?? "").slice(0, 300) : "",
    host: decision.rule?.host ?? null,
    port: decision.rule?.port ?? null,
    verdict: refusal !== null ? "deny" : isTunnel ? "allow" : decision.verdict,
    reason: refusal ?? decision.reason,
    rule: decision.rule?.id ?? null,
    pathTemplate: decision.verdict === "allow" ? decision.template : null,
    bytesUp,
    mode: isTunnel && refusal === null ? decision.rule.mode : null,
    tunnel,
    stripped: decision.verdict === "allow" && isShown ? strippedOf(headers) : [],
  };
}

export function closeLine(open: OpenLine, answer: Answer, sent: Sent, durationMs: number): CloseLine {
  return {
    event: "close",
    sandbox: open.sandbox,
    flow: open.flow,
    status: sent.code,
    closedBy: sent.closedBy,
    reason: sent.reason ?? (answer.status === "refused" ? [answer.reason, answer.detail].join(" ").trim() : "ok"),
    ...answer.trail,
    bytesUp: sent.bytesUp ?? 0,
    bytesDown: sent.bytesDown,
    durationMs: Math.round(durationMs * 1000) / 1000,
  };
}

/** For the alarm: what was seen, how it was written, and where it was going. */
export function wordsOf({ where, sighting }: Hit, asked: Asked): string {
  // A name that carries the fake itself is not repeated.
  const to = where === "headers" ? "a host" : oneLine(asked.authority ?? "no host", 120);
  const method = where === "headers" ? "request" : oneLine(asked.method, 20);
  return oneLine(
    `${sighting.kind} of ${sighting.file}, written ${sighting.encoding}, in the ${where} of a ${method} to ${to}`,
    500,
  );
}
