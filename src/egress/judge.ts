import type { IncomingHttpHeaders } from "node:http2";
import type { AdmittedGuest } from "./admitted.ts";
import type { ForeignCredential } from "./credentials.ts";
import { type Decision, type EgressRequest, isTypeListed, type Policy } from "./decide.ts";
import type { FlowParts } from "./flow.ts";
import { type TakenBody, withTrailers } from "./flowBody.ts";
import { credentialOf, tokensAtMs, useOf } from "./flowUse.ts";
import type { Leaving } from "./leaving.ts";
import type { LivePolicy } from "./policy.ts";
import type { Reason } from "./reasons.ts";
import { ring } from "./ring.ts";
import type { BytesLeft } from "./spending.ts";
import type { Inner } from "./tunnel/tunnel.ts";
import type { Hit, Looked } from "./watch/watch.ts";

/** A request that was decided about and read. */
export type Taken = {
  asked: EgressRequest;
  decision: Decision;
  headers: IncomingHttpHeaders;
  body: Buffer;
  guest: AdmittedGuest;
  policy: LivePolicy;
  /** Of one that came out of a tunnel. */
  inner: Inner | undefined;
  leaving: Leaving;
};

/** One whose fakes and credentials were looked for, too, and whose alarms were raised. */
export type Judged = Taken & {
  /** Why it is not done; null when it is. */
  refusal: Reason | null;
  hit: Hit | undefined;
  credential: ForeignCredential | undefined;
  /** Why everything must stop with it; null when it need not. */
  theft: string | null;
  budgetLeft: BytesLeft | null;
  /** For the log, and for who asks again. */
  detail: string | undefined;
  retryAfterMs: number | undefined;
};

export async function judge(taken: Taken, body: TakenBody, parts: FlowParts): Promise<Judged> {
  const { asked, decision, headers, guest, policy } = taken;
  const looked = await parts.watch.look(
    guest.name,
    withTrailers(headers, body),
    body.bytes,
    tokensAtMs(decision, parts.clock),
  );
  const [hit] = looked.hits;
  const carried = { headers, body: body.bytes, tokens: looked.tokens };
  const credential = hit === undefined ? credentialOf(decision, carried, policy, parts) : undefined;
  const theft = ring(guest, parts, asked, decision, { hits: looked.hits, credential });
  const now = parts.policy();
  const fault =
    credential === undefined || now.isLatched
      ? refusalOf(decision, headers, body, looked, now)
      : "foreign-credential";
  const used = fault === null ? useOf(decision, body.bytes.length, parts) : null;
  const isOver = used?.status === "refused";
  return {
    ...taken,
    refusal: fault ?? (isOver ? used.reason : null),
    hit,
    credential,
    theft,
    budgetLeft: decision.rule === null ? null : parts.spending.left(decision.rule),
    detail: fault === "body-unsearchable" && looked.status === "unsearchable" ? looked.why : undefined,
    retryAfterMs: (isOver ? used.waitMs : null) ?? undefined,
  };
}

/** Why it is not done, or null. A fake outweighs all else; a denial outweighs a fault of the body. */
function refusalOf(
  decision: Decision,
  headers: IncomingHttpHeaders,
  body: TakenBody,
  looked: Looked,
  policy: Policy,
): Reason | null {
  if (looked.hits.length > 0) return "fake-credential";
  if (decision.verdict === "deny") return decision.reason;
  if (policy.isLatched) return "latched";
  if (headers.host !== undefined && headers.host !== headers[":authority"]) return "host-header-differs";
  if (body.status === "refused") return body.reason;
  if (looked.status === "unsearchable") return "body-unsearchable";
  // Not every method that may carry a body says so, and what it carries then has no type.
  if (decision.verdict !== "allow" || body.bytes.length === 0) return null;
  return isTypeListed(headers["content-type"] ?? "", decision.rule.contentTypes) ? null : "content-type-not-listed";
}
