import type { IncomingHttpHeaders } from "node:http2";
import type { Clock } from "../base/clock.ts";
import { act } from "./act.ts";
import type { AdmittedGuest } from "./admitted.ts";
import { type Answer, refuse } from "./answer.ts";
import { askedOf, isOpenEnded } from "./asked.ts";
import { type Control, isUpkeep } from "./broker.ts";
import type { Capped } from "./caps.ts";
import { type Decision, decide } from "./decide.ts";
import type { Exchange } from "./exchange.ts";
import { bodyRoom, bytesMaxOf, takeBody } from "./flowBody.ts";
import { type Asked, closeLine, openLine, unreadLine } from "./flowLines.ts";
import { carryOf } from "./flowUse.ts";
import type { ForwardParts } from "./forward.ts";
import { judge } from "./judge.ts";
import { leavingOf } from "./leaving.ts";
import type { ModelDesk } from "./model.ts";
import type { LivePolicy } from "./policy.ts";
import type { EgressRecord, OpenLine } from "./record.ts";
import type { RingParts } from "./ring.ts";
import { send } from "./send.ts";
import type { SourceDesk } from "./source/source.ts";
import type { Spending } from "./spending.ts";
import type { Inner, TunnelDesk, TunnelRequest } from "./tunnel/tunnel.ts";
import type { WebsocketDesk } from "./tunnel/websocket.ts";
import type { Watch } from "./watch/watch.ts";

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
  const leaving = leavingOf(stream);
  const room = bodyRoom(guest, isOpenEnded(asked) ? 0 : bytesMaxOf(decision, asked.method));
  try {
    const body = await takeBody(stream, decision, isOpenEnded(asked), room);
    room.shrinkTo(body.bytes.length);
    guest.caps.carry(body.bytes.length);
    const taken = { asked, decision, headers, body: body.bytes, guest, policy, inner, leaving };
    const judged = await judge(taken, body, parts);
    const open = openLine(judged, parts.nextFlow());
    const isQuiet = judged.refusal === null && isQuietOne(decision, asked.method);
    const isWritten = isQuiet || (await parts.record.open(open)).status === "written";
    if (judged.theft !== null && parts.seal !== null)
      return sealed(stream, judged.theft, { open, isWritten, startedAt, parts });
    const carry = carryOf(decision, asked, policy, { guest, parts });
    const serve: TunnelRequest["serve"] = (one, its, from) => serveFlow(one, its, guest, parts, from);
    const request = { ...taken, flow: open.flow, carry, serve };
    const answer = isWritten ? await act(request, judged, parts) : refuse("log-unwritable");
    count(guest, answer, decision, parts.control);
    const isModel = decision.verdict === "internal" && decision.authority === "model";
    const sent = await send(stream, answer, { asJson: isModel, isHead: asked.method === "HEAD", carry });
    leaving.served();
    const isLate = isQuiet && answer.status === "refused" && (await parts.record.open(open)).status === "written";
    if (isLate || (isWritten && !isQuiet)) {
      parts.record.close(closeLine(open, answer, sent, parts.clock.monotonicMs() - startedAt));
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
  parts.record.flush();
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
  if (open !== null && (await parts.record.open(open)).status === "failed") {
    await send(stream, refuse("log-unwritable"), { asJson: false, isHead: false });
    return;
  }
  const answer = { ...refuse(reason), retryAfterMs: capped.waitMs };
  const sent = await send(stream, answer, { asJson: false, isHead: asked.method === "HEAD" });
  if (open !== null) parts.record.close(closeLine(open, answer, sent, parts.clock.monotonicMs() - startedAt));
}

function isQuietOne(decision: Decision, method: string): boolean {
  return decision.verdict === "internal" && decision.authority === "broker" && isUpkeep(method, decision.target.path);
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
