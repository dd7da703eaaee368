import type { IncomingHttpHeaders } from "node:http";
import type { AdmittedGuest } from "./admitted.ts";
import { type Body, readBody } from "./body.ts";
import { brokerBytesMax } from "./broker.ts";
import type { Decision } from "./decide.ts";
import type { Exchange } from "./exchange.ts";
import { MODEL_BYTES_MAX } from "./model.ts";
import { SOURCE_BYTES_MAX } from "./source/open.ts";

/** What a flow reads of a body: as much as was decided, out of the memory that its sandbox has. */
export type TakenBody = Body | { status: "refused"; reason: "too-many-at-once"; bytes: Buffer };

const KIB = 1024;
/** Of a request that is denied, so much is read to look for fakes, and so long. */
const DENIED_BYTES_MAX = 256 * KIB;
const DENIED_MS = 1_000;
const BODY_MS = 30_000;
/** What the bodies of one sandbox may hold at once. */
const GUEST_BYTES_MAX = 64 * 1024 * KIB;

export function bytesMaxOf(decision: Decision, method: string): number {
  if (decision.verdict === "deny") return DENIED_BYTES_MAX;
  if (decision.verdict === "allow") return decision.rule.requestBytesMax;
  if (decision.verdict === "tunnel") return 0;
  if (decision.authority === "broker") return brokerBytesMax(method, decision.target.path);
  return decision.authority === "model" ? MODEL_BYTES_MAX : SOURCE_BYTES_MAX;
}

const NO_BODY: TakenBody = { status: "whole", bytes: Buffer.alloc(0) };

export type Room = { bytesMax: number; isGranted: boolean; shrinkTo(bytes: number): void };

/** Memory that a body may take, out of what its sandbox has. */
export function bodyRoom(guest: AdmittedGuest, bytesMax: number): Room {
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

/** @param isOpenEnded of a tunnel or a websocket: what it carries comes only after our answer. */
export async function takeBody(
  stream: Exchange,
  decision: Decision,
  isOpenEnded: boolean,
  room: Room,
): Promise<TakenBody> {
  if (isOpenEnded) return { status: "whole", bytes: Buffer.alloc(0) };
  if (!room.isGranted) {
    stream.resume();
    return { status: "refused", reason: "too-many-at-once", bytes: Buffer.alloc(0) };
  }
  if (stream.endAfterHeaders === true) {
    stream.resume();
    return NO_BODY;
  }
  return readBody(stream, room.bytesMax, decision.verdict === "deny" ? DENIED_MS : BODY_MS);
}

/** For a search: what came behind the body stands beside what came before it. */
export function withTrailers(headers: IncomingHttpHeaders, body: TakenBody): IncomingHttpHeaders {
  const trailers = body.status === "whole" ? Object.entries(body.trailers ?? {}) : [];
  if (trailers.length === 0) return headers;
  return { ...headers, ...Object.fromEntries(trailers.map(([name, value]) => [`trailer-${name}`, value])) };
}
