import type { IncomingHttpHeaders } from "node:http2";
import type { Clock } from "../base/clock.ts";
import type { Recogniser } from "../canaries/canaries.ts";
import type { AdmittedGuest } from "./admitted.ts";
import { type Answer, refuse } from "./answer.ts";
import { type Body, readBody } from "./body.ts";
import { answerBroker, brokerBytesMax, type Control, isUpkeep } from "./broker.ts";
import { type Decision, decide, isTypeListed, type Policy } from "./decide.ts";
import type { Exchange } from "./exchange.ts";
import { type Asked, closeLine, openLine, wordsOf } from "./flowLines.ts";
import { type ForwardParts, forward } from "./forward.ts";
import { MODEL_BYTES_MAX, type ModelDesk } from "./model.ts";
import type { Reason } from "./reasons.ts";
import type { EgressRecord } from "./record.ts";
import { send } from "./send.ts";
import { SOURCE_BYTES_MAX } from "./source/open.ts";
import type { SourceDesk } from "./source/source.ts";
import type { Inner, TunnelDesk } from "./tunnel/tunnel.ts";
import { type Hit, searchRequest } from "./watch.ts";

/** What every flow of a gateway shares. */
export type FlowParts = {
  /** As it is at this moment: the latch may have been set since the last look. */
  policy(): Policy;
  recogniser(): Recogniser | null;
  record: EgressRecord;
  control: Control;
  forward: ForwardParts;
  model: ModelDesk;
  source: SourceDesk;
  tunnel: TunnelDesk;
  /** PEM of the authority that tunnels are terminated under; null when there is none. */
  certificate: () => Promise<string | null>;
  clock: Clock;
  nextFlow(): number;
};

const KIB = 1024;
/** Of a request that is denied, so much is read to look for fakes, and so long. */
const DENIED_BYTES_MAX = 256 * KIB;
const DENIED_MS = 1_000;
const BODY_MS = 30_000;
/** What the bodies of one sandbox may hold at once. */
const GUEST_BYTES_MAX = 64 * 1024 * KIB;
/** The hundredth touch tells nobody more, and each is a leaf in the ledger. */
const ALARMS_MAX = 100;

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
  const startedAt = parts.clock.monotonicMs();
  const asked = askedOf(headers, guest, inner);
  const decision = decide(asked, parts.policy());
  const left = new AbortController();
  stream.once("close", () => left.abort());
  const room = bodyRoom(guest, asked.method === "CONNECT" ? 0 : bytesMaxOf(decision, asked.method));
  try {
    const body = await takeBody(stream, decision, asked.method, room);
    room.shrinkTo(body.bytes.length);
    const hit = searchRequest(parts.recogniser(), headers, body.bytes);
    ring(guest, parts, asked, decision, hit);
    const refusal = refusalOf(decision, headers, body, hit, parts.policy());
    const flow = {
      asked,
      decision,
      refusal,
      hit,
      guest,
      headers,
      bytesUp: body.bytes.length,
      tunnel: inner?.flow ?? null,
    };
    const open = openLine(flow, parts.nextFlow());
    const isQuiet = refusal === null && isQuietOne(decision, asked.method);
    const isWritten = isQuiet || parts.record.open(open).status === "written";
    const request = { ...asked, headers, body: body.bytes, signal: left.signal, flow: open.flow, inner };
    const answer = isWritten ? await act(decision, refusal, request, guest, parts) : refuse("log-unwritable");
    count(guest, answer, decision, parts.control);
    const isModel = decision.verdict === "internal" && decision.authority === "model";
    const sent = await send(stream, answer, { asJson: isModel, isHead: asked.method === "HEAD" });
    const close = closeLine(open, answer, sent, parts.clock.monotonicMs() - startedAt);
    if (isQuiet ? answer.status === "refused" && parts.record.open(open).status === "written" : isWritten) {
      parts.record.close(close);
    }
  } finally {
    room.shrinkTo(0);
  }
}

function askedOf(headers: IncomingHttpHeaders, guest: AdmittedGuest, inner: Inner | undefined): Asked {
  const text = (name: string) => (typeof headers[name] === "string" ? headers[name] : undefined);
  return {
    role: guest.role,
    method: text(":method") ?? "",
    scheme: text(":scheme"),
    authority: text(":authority"),
    path: text(":path"),
    contentType: text("content-type"),
    tunnel: inner?.place,
    form: inner?.form,
  };
}

function bytesMaxOf(decision: Decision, method: string): number {
  if (decision.verdict === "deny") return DENIED_BYTES_MAX;
  if (decision.verdict === "allow") return decision.rule.requestBytesMax;
  if (decision.verdict === "tunnel") return 0;
  if (decision.authority === "broker") return brokerBytesMax(method, decision.target.path);
  return decision.authority === "model" ? MODEL_BYTES_MAX : SOURCE_BYTES_MAX;
}

type Room = { bytesMax: number; isGranted: boolean; shrinkTo(bytes: number): void };

/** Memory that a body may take, out of what its sandbox has. */
function bodyRoom(guest: AdmittedGuest, bytesMax: number): Room {
  const isGranted = guest.bodyBytesReserved + bytesMax <= GUEST_BYTES_MAX;
  let held = isGranted ? bytesMax : 0;
  guest.bodyBytesReserved += held;
  return {
    bytesMax,
    isGranted,
    shrinkTo(bytes) {
      guest.bodyBytesReserved -= held - bytes;
      held = bytes;
    },
  };
}

type TakenBody = Body | { status: "refused"; reason: "too-many-at-once"; bytes: Buffer };

async function takeBody(stream: Exchange, decision: Decision, method: string, room: Room): Promise<TakenBody> {
  // What a tunnel would carry comes only after our answer.
  if (method === "CONNECT") return { status: "whole", bytes: Buffer.alloc(0) };
  if (!room.isGranted) {
    stream.resume();
    return { status: "refused", reason: "too-many-at-once", bytes: Buffer.alloc(0) };
  }
  return readBody(stream, room.bytesMax, decision.verdict === "deny" ? DENIED_MS : BODY_MS);
}

function ring(guest: AdmittedGuest, parts: FlowParts, asked: Asked, decision: Decision, hit: Hit | undefined): void {
  const raise = (carrier: "fake-credential" | "canary-host", subject: string, detail: string) => {
    guest.alarms++;
    if (guest.alarms > ALARMS_MAX) return;
    const at = parts.clock.now().toISOString();
    parts.control.tell({ type: "alarm", alarm: { carrier, sandbox: guest.name, subject, detail, at } });
  };
  if (decision.verdict === "deny" && decision.canaryHost !== null) {
    raise("canary-host", decision.canaryHost, `asked for with ${asked.method.slice(0, 20)}`);
  }
  if (hit !== undefined) raise("fake-credential", hit.sighting.fakeId, wordsOf(hit, asked));
}

/** Why it is not done, or null. A fake outweighs all else; a denial outweighs a fault of the body. */
function refusalOf(
  decision: Decision,
  headers: IncomingHttpHeaders,
  body: TakenBody,
  hit: Hit | undefined,
  policy: Policy,
): Reason | null {
  if (hit !== undefined) return "fake-credential";
  if (decision.verdict === "deny") return decision.reason;
  if (policy.isLatched) return "latched";
  if (headers.host !== undefined && headers.host !== headers[":authority"]) return "host-header-differs";
  if (body.status === "refused") return body.reason;
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
  },
  guest: AdmittedGuest,
  parts: FlowParts,
): Promise<Answer> {
  if (refusal !== null) return refuse(refusal);
  if (decision.verdict === "deny") return refuse(decision.reason);
  if (decision.verdict === "allow") return forward(decision, request, parts.forward, request.inner?.vetted);
  if (decision.verdict === "tunnel") {
    return parts.tunnel.open(decision.rule, {
      flow: request.flow,
      signal: request.signal,
      ring: (hit) => ring(guest, parts, request, decision, hit),
      serve: (stream, headers, inner) => serveFlow(stream, headers, guest, parts, inner),
    });
  }
  const { path, query } = decision.target;
  if (decision.authority === "broker") {
    return answerBroker({ ...request, path, query }, guest, parts.control, parts.certificate);
  }
  if (decision.authority === "model") return parts.model.answer({ ...request, path, query });
  return parts.source.answer({ ...request, path, query, sandbox: guest.name });
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
