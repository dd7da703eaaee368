import type { IncomingHttpHeaders } from "node:http2";
import type { Clock } from "../base/clock.ts";
import type { AdmittedGuest } from "./admitted.ts";
import { type Answer, refuse } from "./answer.ts";
import { askedOf, isOpenEnded } from "./asked.ts";
import { answerBroker, type Control, isUpkeep } from "./broker.ts";
import { canaryAnswer } from "./canaryHost.ts";
import type { Capped } from "./caps.ts";
import type { ForeignCredential } from "./credentials.ts";
import { type Decision, decide, isTypeListed, type Policy } from "./decide.ts";
import type { Exchange } from "./exchange.ts";
import { bodyRoom, bytesMaxOf, type TakenBody, takeBody, withTrailers } from "./flowBody.ts";
import { type Asked, closeLine, openLine, unreadLine } from "./flowLines.ts";
import { carryOf, credentialOf, credentialOfMessage, tokensAtMs, useOf } from "./flowUse.ts";
import { type ForwardParts, forward } from "./forward.ts";
import type { ModelDesk } from "./model.ts";
import { injectedBy, type LivePolicy } from "./policy.ts";
import type { Reason } from "./reasons.ts";
import { type EgressRecord, NOT_GREETED, type OpenLine } from "./record.ts";
import { type RingParts, ring } from "./ring.ts";
import { type Carry, send } from "./send.ts";
import type { SourceDesk } from "./source/source.ts";
import type { Spending } from "./spending.ts";
import type { Inner, TunnelDesk } from "./tunnel/tunnel.ts";
import type { WebsocketDesk } from "./tunnel/websocket.ts";
import type { Hit, Looked, Watch } from "./watch/watch.ts";

/** What every flow of a gateway shares. */
export type FlowParts = RingParts & {
  /** As it is at this moment: the latch may have been set since the last look. */
  policy(): LivePolicy;
  /** Of the policy as it is at this moment. */
  policyHash(): string;
  /** By which rules expire; see `ruleDay.ts`. */
  today(): string;
  spending: Spending;
  /** Under which a credential of others is hashed. */
  hashKey(): Uint8Array;
  watch: Watch;
  /** Sets the kill switch; null where there is none, or where a fake on its way out is to do no more than ring. */
  seal: ((why: string) => void) | null;
  record: EgressRecord;
  forward: ForwardParts;
  model: ModelDesk;
  source: SourceDesk;
  tunnel: TunnelDesk;
  websocket: WebsocketDesk;
  /** PEM of the authority that tunnels are terminated under; null when there is none. */
  certificate: () => Promise<string | null>;
  clock: Clock;
  nextFlow(): number;
};

/**
 * One request from beginning to end: decide, read what it carries, look for fakes, write it down, and only then act. A
 * request that cannot be written down is not made.
 * @param inner of a request that came out of a tunnel.
 */
export async function serveFlow(
  stream: Exchange,
  headers: IncomingHttpHeaders,
  guest: AdmittedGuest,
  parts: FlowParts,
  inner?: Inner,
): Promise<void> {
  const policy = parts.policy();
  const capped = guest.caps.enter();
  if (capped !== null) return turnAway(stream, askedOf(headers, guest, inner), guest, parts, { policy, capped });
  try {
    await serveRead(stream, headers, guest, parts, policy, inner);
  } finally {
    guest.caps.leave();
  }
}

/** It began under this policy and ends under it, whatever is loaded meanwhile; only the latch counts at every moment. */
async function serveRead(
  stream: Exchange,
  headers: IncomingHttpHeaders,
  guest: AdmittedGuest,
  parts: FlowParts,
  policy: LivePolicy,
  inner: Inner | undefined,
): Promise<void> {
  const startedAt = parts.clock.monotonicMs();
  const asked = askedOf(headers, guest, inner);
  const decision = decide(asked, policy);
  const left = new AbortController();
  let isServed = false;
  stream.once("close", () => {
    if (!isServed) left.abort(new Error("the guest has left"));
  });
  const room = bodyRoom(guest, isOpenEnded(asked) ? 0 : bytesMaxOf(decision, asked.method));
  try {
    const body = await takeBody(stream, decision, isOpenEnded(asked), room);
    room.shrinkTo(body.bytes.length);
    guest.caps.carry(body.bytes.length);
    const all = withTrailers(headers, body);
    const looked = await parts.watch.look(guest.name, all, body.bytes, tokensAtMs(decision, parts.clock));
    const [hit] = looked.hits;
    const carried = { headers, body: body.bytes, tokens: looked.tokens };
    const credential = hit === undefined ? credentialOf(decision, carried, policy, parts) : undefined;
    const theft = ring(guest, parts, asked, decision, { hits: looked.hits, credential });
    const fault =
      credential === undefined || parts.policy().isLatched
        ? refusalOf(decision, headers, body, looked, parts.policy())
        : "foreign-credential";
    const used = fault === null ? useOf(decision, body.bytes.length, parts) : null;
    const refusal = fault ?? (used?.status === "refused" ? used.reason : null);
    const flow = {
      asked,
      decision,
      refusal,
      hit,
      guest,
      headers,
      credential,
      body: body.bytes,
      policyHash: policy.hash,
      budgetLeft: decision.rule === null ? null : parts.spending.left(decision.rule),
      tunnel: inner?.flow ?? null,
      greeted: inner?.greeted ?? NOT_GREETED,
    };
    const open = openLine(flow, parts.nextFlow());
    const isQuiet = refusal === null && isQuietOne(decision, asked.method);
    const isWritten = isQuiet || parts.record.open(open).status === "written";
    if (theft !== null && parts.seal !== null) return sealed(stream, theft, { open, isWritten, startedAt, parts });
    const carry = carryOf(decision, asked, policy, { guest, parts });
    const request = {
      ...asked,
      headers,
      body: body.bytes,
      signal: left.signal,
      flow: open.flow,
      inner,
      policy,
      carry,
    };
    const answer = isWritten ? await act(decision, refusal, request, guest, parts) : refuse("log-unwritable");
    if (refusal === "body-unsearchable" && looked.status === "unsearchable" && answer.status === "refused")
      answer.detail = looked.why;
    if (used?.status === "refused" && used.waitMs !== null && answer.status === "refused")
      answer.retryAfterMs = used.waitMs;
    count(guest, answer, decision, parts.control);
    const isModel = decision.verdict === "internal" && decision.authority === "model";
    const sent = await send(stream, answer, { asJson: isModel, isHead: asked.method === "HEAD", carry });
    isServed = true;
    const close = closeLine(open, answer, sent, parts.clock.monotonicMs() - startedAt);
    if (isQuiet ? answer.status === "refused" && parts.record.open(open).status === "written" : isWritten) {
      parts.record.close(close);
    }
  } finally {
    room.shrinkTo(0);
  }
}

/** Written down whole before everything ends with it. */
function sealed(
  stream: Exchange,
  theft: string,
  { open, isWritten, startedAt, parts }: { open: OpenLine; isWritten: boolean; startedAt: number; parts: FlowParts },
): void {
  const sent = { code: 403, bytesDown: 0, closedBy: "gateway", reason: null } as const;
  const line = closeLine(open, refuse("fake-credential"), sent, parts.clock.monotonicMs() - startedAt);
  if (isWritten) parts.record.close(line);
  parts.seal?.(theft);
  stream.destroy();
}

/** Refused unread, so that a flood costs next to nothing. */
async function turnAway(
  stream: Exchange,
  asked: Asked,
  guest: AdmittedGuest,
  parts: FlowParts,
  { policy, capped }: { policy: LivePolicy; capped: Capped },
): Promise<void> {
  const startedAt = parts.clock.monotonicMs();
  stream.resume();
  const reason = policy.isLatched ? "latched" : capped.reason;
  const isTold = guest.caps.isTold(reason);
  const open = isTold ? unreadLine(asked, reason, guest, policy.hash, parts.nextFlow()) : null;
  if (open !== null && parts.record.open(open).status === "failed") {
    await send(stream, refuse("log-unwritable"), { asJson: false, isHead: false });
    return;
  }
  const answer = { ...refuse(reason), retryAfterMs: capped.waitMs };
  const sent = await send(stream, answer, { asJson: false, isHead: asked.method === "HEAD" });
  if (open !== null) parts.record.close(closeLine(open, answer, sent, parts.clock.monotonicMs() - startedAt));
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

function isQuietOne(decision: Decision, method: string): boolean {
  return decision.verdict === "internal" && decision.authority === "broker" && isUpkeep(method, decision.target.path);
}

async function act(
  decision: Decision,
  refusal: Reason | null,
  request: Asked & {
    headers: IncomingHttpHeaders;
    body: Buffer;
    signal: AbortSignal;
    flow: number;
    inner: Inner | undefined;
    policy: LivePolicy;
    carry: Carry;
  },
  guest: AdmittedGuest,
  parts: FlowParts,
): Promise<Answer> {
  if (refusal === "canary-host" && request.method !== "CONNECT") return canaryAnswer();
  if (refusal !== null) return refuse(refusal);
  if (decision.verdict === "deny") return refuse(decision.reason);
  if (decision.verdict === "allow") {
    const injected = injectedBy(decision.rule, request.policy);
    if (injected === undefined) return refuse("secret-missing");
    const { upgrade, inner } = request;
    if (upgrade !== undefined && inner !== undefined) {
      return parts.websocket.open(decision, {
        ...request,
        sandbox: guest.name,
        injected,
        vetted: inner.vetted,
        credentialIn: (message) => credentialOfMessage(message, request.policy, parts),
        ring: ringOf(decision, request, guest, parts),
      });
    }
    return forward(decision, { ...request, injected }, parts.forward, request.inner?.vetted);
  }
  if (decision.verdict === "tunnel") {
    return parts.tunnel.open(decision.rule, {
      flow: request.flow,
      signal: request.signal,
      ring: ringOf(decision, request, guest, parts),
      watch: parts.watch.tunnel(guest.name),
      carry: request.carry,
      serve: (stream, headers, inner) => serveFlow(stream, headers, guest, parts, inner),
    });
  }
  const { path, query } = decision.target;
  if (decision.authority === "broker") {
    return answerBroker({ ...request, path, query }, guest, parts.control, parts.certificate);
  }
  if (decision.authority === "model") return parts.model.answer({ ...request, path, query, sandbox: guest.name });
  return parts.source.answer({ ...request, path, query, sandbox: guest.name });
}

/** For what is seen in what passes, long after the request was let in. */
function ringOf(
  decision: Decision,
  asked: Asked,
  guest: AdmittedGuest,
  parts: FlowParts,
): (hits: readonly Hit[], credential?: ForeignCredential) => void {
  return (hits, credential) => {
    const theft = ring(guest, parts, asked, decision, { hits, credential });
    if (theft !== null) parts.seal?.(theft);
  };
}

/** Counts what a guest got wrong; a denial is no fault of form. A flood of faults is told once a turn of the loop. */
function count(guest: AdmittedGuest, answer: Answer, decision: Decision, control: Control): void {
  if (answer.status !== "refused" || decision.verdict === "deny") return;
  guest.refused++;
  if (!guest.isRefusalTold) return;
  guest.isRefusalTold = false;
  setImmediate(() => {
    guest.isRefusalTold = true;
    control.tell({ type: "refused", sandbox: guest.name, total: guest.refused });
  });
}
