import { isUtf8 } from "node:buffer";
import type { Duplex } from "node:stream";
import { type Clock, sleep } from "../../base/clock.ts";
import { errnoOf } from "../../base/errors.ts";
import type { Rule } from "../allowlist.ts";
import { type Bucket, type BucketSize, draw, fullBucket } from "../bucket.ts";
import type { ForeignCredential } from "../credentials.ts";
import type { Exchange } from "../exchange.ts";
import type { Reason } from "../reasons.ts";
import type { Sent } from "../send.ts";
import { frameReader } from "./frameReader.ts";
import { frame, isControl, OPCODE, type Slice } from "./frames.ts";
import type { TunnelLimits } from "./tunnel.ts";
import type { WebsocketParts, WebsocketRequest } from "./websocket.ts";

export type RelayParts = {
  rule: Rule;
  parts: Pick<WebsocketParts, "isLatched" | "watch" | "clock">;
  request: Pick<WebsocketRequest, "sandbox" | "carry" | "credentialIn" | "ring">;
  limits: Pick<TunnelLimits, "idleMs" | "lifetimeMs">;
};

/** A message goes up only when all of it was searched, so it has to fit. */
const MESSAGE_BYTES_MAX = 1024 * 1024;
/** Pings, pongs and closes of one direction: as many as nobody needs. */
const CONTROL: BucketSize = { perMinute: 600, burst: 100 };
/** How long a peer may take to end its half once the other end is over. */
const FAREWELL_MS = 2_000;
/** RFC 9113, 7: CANCEL. */
const BROKEN_OFF = 8;

/**
 * Passes messages between a guest and a host until one of them ends it, the rule's bytes are used up, or something is wrong with a
 * frame; then the guest is told by a close frame, and to the host nothing more is said. Up, a message is passed on whole, as
 * one frame, after it was searched like a body; down, as it comes. The latch is looked at before each.
 */
export async function relayFrames(guest: Exchange, host: Duplex, relayed: RelayParts): Promise<Sent> {
  const { limits } = relayed;
  const passed = { up: 0, down: 0 };
  const over = new AbortController();
  let cut: Reason | undefined;
  let carried: ForeignCredential | undefined;
  let brokenBy: "guest" | "upstream" | undefined;
  const stop = (reason: Reason, credential?: ForeignCredential) => {
    if (over.signal.aborted) return;
    cut = reason;
    carried = credential;
    over.abort();
    host.destroy();
    farewell(guest, reason);
  };
  const leave = (by: "guest" | "upstream") => {
    if (over.signal.aborted) return;
    brokenBy = by;
    over.abort();
    host.destroy();
    guest.close(BROKEN_OFF);
  };
  const idle = setTimeout(() => stop("tunnel-idle"), limits.idleMs);
  const last = setTimeout(() => stop("tunnel-too-long"), limits.lifetimeMs);
  let late: NodeJS.Timeout | undefined;
  // Whoever is done has ended its half; the other one has a moment to do the same.
  const onEnded = (by: "guest" | "upstream") => {
    late ??= setTimeout(() => leave(by), FAREWELL_MS);
  };
  const link: Link = { relayed, passed, over: over.signal, stop, leave, onEnded, touch: () => void idle.refresh() };
  try {
    await Promise.all([pump(link, "up", guest, host), pump(link, "down", host, guest)]);
  } finally {
    for (const timer of [idle, last, late]) clearTimeout(timer);
  }
  if (!over.signal.aborted) guest.close();
  const closedBy = cut !== undefined ? "gateway" : (brokenBy ?? "answer");
  const bytes = { bytesUp: passed.up, bytesDown: passed.down };
  return { code: 200, ...bytes, closedBy, reason: cut ?? null, credential: carried ?? null };
}

type Direction = "up" | "down";
type Link = {
  relayed: RelayParts;
  passed: Record<Direction, number>;
  /** Aborts when nothing may pass any more. */
  over: AbortSignal;
  stop(reason: Reason, credential?: ForeignCredential): void;
  leave(by: "guest" | "upstream"): void;
  onEnded(by: "guest" | "upstream"): void;
  touch(): void;
};

/** Reads one side to its end. Never rejects for what a peer does. */
async function pump(link: Link, direction: Direction, from: Duplex, to: Duplex): Promise<void> {
  const side = direction === "up" ? "guest" : "upstream";
  const reader = frameReader(direction === "up");
  const pass = passage(link, direction, to);
  try {
    for await (const chunk of from.iterator({ destroyOnReturn: false })) {
      for (const read of reader.read(chunk)) {
        if (read.status === "faulty") return link.stop(read.reason);
        link.touch();
        await pass(read.slice);
        if (link.over.aborted) return;
      }
    }
  } catch (thrown) {
    // A stream that breaks off says so by its code.
    if (errnoOf(thrown) === undefined) throw thrown;
    return link.leave(side);
  }
  if (!reader.isBetweenMessages()) return link.stop("websocket-broken-off");
  to.end();
  link.onEnded(side);
}

/** What becomes of one slice. */
function passage(link: Link, direction: Direction, to: Duplex): (slice: Slice) => Promise<void> {
  const { relayed, passed } = link;
  const { rule, request, parts } = relayed;
  const isUp = direction === "up";
  const bytesMax = isUp ? rule.requestBytesMax : rule.responseBytesMax;
  const message = isUp ? wholeMessages(bytesMax) : undefined;
  const isControlAllowed = controlGate(parts.clock);
  return async (slice) => {
    if (isControl(slice.opcode) && !isControlAllowed()) return link.stop("websocket-control-flood");
    const taken = message === undefined ? slice : message(slice);
    if (taken === null) return;
    if (typeof taken === "string") return link.stop(taken);
    const fault = isUp ? await faultOf(taken, relayed) : null;
    if (link.over.aborted) return;
    if (fault !== null) return link.stop(fault.reason, fault.credential);
    const bytes = frame(taken, isUp);
    if (parts.isLatched()) return link.stop("latched");
    if (passed[direction] + bytes.length > bytesMax) return link.stop("tunnel-over-budget");
    const carried = request.carry(direction, bytes.length);
    if (carried.status === "over") return link.stop(carried.reason);
    passed[direction] += bytes.length;
    if (carried.waitMs > 0) await pause(carried.waitMs, link.over);
    if (link.over.aborted) return;
    if (parts.isLatched()) return link.stop("latched");
    if (!to.destroyed && !to.write(bytes)) await drained(to);
  };
}

/** Holds the slices of a message until it is whole; a control frame passes between them. */
function wholeMessages(bytesMax: number): (slice: Slice) => Slice | Reason | null {
  let held: Buffer[] = [];
  let length = 0;
  let opcode: number = OPCODE.binary;
  return (slice) => {
    if (isControl(slice.opcode)) return slice;
    if (slice.opcode !== OPCODE.continuation) opcode = slice.opcode;
    if (slice.payload.length > 0) held.push(slice.payload);
    length += slice.payload.length;
    if (length > bytesMax) return "tunnel-over-budget";
    if (length > MESSAGE_BYTES_MAX) return "websocket-too-long";
    if (!slice.isFinal) return null;
    const payload = Buffer.concat(held);
    held = [];
    length = 0;
    return { opcode, payload, isFinal: true };
  };
}

/** Why a message may not go up. Whoever must know of a fake, or of a credential of others, was told. */
async function faultOf({ opcode, payload }: Slice, { parts, request }: RelayParts): Promise<MessageFault | null> {
  if (opcode === OPCODE.text && !isUtf8(payload)) return { reason: "websocket-text" };
  if (payload.length === 0) return null;
  const looked = await parts.watch.look(request.sandbox, {}, payload, parts.clock.now().getTime());
  if (looked.hits.length > 0) {
    request.ring(looked.hits);
    return { reason: "fake-credential" };
  }
  const credential = request.credentialIn({ body: payload, tokens: looked.tokens });
  if (credential !== undefined) {
    request.ring([], credential);
    return { reason: "foreign-credential", credential };
  }
  return looked.status === "unsearchable" ? { reason: "body-unsearchable" } : null;
}

type MessageFault = { reason: Reason; credential?: ForeignCredential };

function controlGate(clock: Clock): () => boolean {
  let bucket: Bucket = fullBucket(CONTROL, clock.monotonicMs());
  return () => {
    const drawn = draw(bucket, CONTROL, 1, clock.monotonicMs());
    bucket = drawn.bucket;
    return drawn.status === "drawn";
  };
}

/** RFC 6455, 7.4.1. What is wrong with a frame is said by number; of the policy nothing is said. */
const CLOSE_CODES: Readonly<Partial<Record<Reason, number>>> = {
  "websocket-text": 1007,
  "websocket-too-long": 1009,
  "tunnel-over-budget": 1009,
  "tunnel-idle": 1001,
  "tunnel-too-long": 1001,
  latched: 1001,
};
const PROTOCOL_ERROR = 1002;
const POLICY_VIOLATION = 1008;

function farewell(guest: Exchange, reason: Reason): void {
  const code = CLOSE_CODES[reason] ?? (reason.startsWith("websocket-") ? PROTOCOL_ERROR : POLICY_VIOLATION);
  const payload = Buffer.from([code >> 8, code & 255]);
  const late = setTimeout(() => guest.close(BROKEN_OFF), FAREWELL_MS);
  guest.once("close", () => clearTimeout(late));
  // What still comes is thrown away, so that the peer's window does not fill and hide the close.
  guest.resume();
  guest.end(frame({ opcode: OPCODE.close, payload, isFinal: true }, false), () => guest.close());
}

function drained(to: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      to.off("drain", done).off("close", done);
      resolve();
    };
    to.once("drain", done).once("close", done);
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((thrown: unknown) => {
    if (!signal.aborted) throw thrown;
  });
}
