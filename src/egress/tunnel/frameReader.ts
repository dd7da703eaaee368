import { isClosePayload, isControl, masked, OPCODE, readHead, type Slice, type WebsocketFault } from "./frames.ts";

/** One direction of a WebSocket, from bytes to slices. After a fault nothing more is read. */
export type FrameReader = {
  read(chunk: Buffer): Generator<Read>;
  /** Would an end now be in the middle of something? */
  isBetweenMessages(): boolean;
};

export type Read = { status: "slice"; slice: Slice } | { status: "faulty"; reason: WebsocketFault };

type Payload = { opcode: number; isFinal: boolean; mask: Buffer | null; length: number; at: number };

const NOTHING = Buffer.alloc(0);

/**
 * Keeps at most a head and a control frame of what came: a long frame is handed on as it comes.
 * @param isMasked as it must be: of what a client sends.
 */
export function frameReader(isMasked: boolean): FrameReader {
  let rest = NOTHING;
  let payload: Payload | null = null;
  let isInMessage = false;
  let isClosing = false;

  const sliceOf = (from: Payload, bytes: Buffer): Slice => {
    const taken = bytes.subarray(0, from.length - from.at);
    const plain = from.mask === null ? taken : masked(taken, from.mask, from.at);
    const slice = { opcode: from.opcode, payload: plain, isFinal: false };
    from.at += taken.length;
    from.opcode = OPCODE.continuation;
    if (from.at < from.length) return slice;
    payload = null;
    isInMessage = !from.isFinal;
    return { ...slice, isFinal: from.isFinal };
  };

  return {
    *read(chunk) {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      rest = NOTHING;
      while (bytes.length > 0) {
        if (payload !== null) {
          const slice = sliceOf(payload, bytes);
          bytes = bytes.subarray(slice.payload.length);
          yield { status: "slice", slice };
          continue;
        }
        // RFC 6455, 5.5.1: nothing follows a close.
        if (isClosing) return yield { status: "faulty", reason: "websocket-close" };
        const read = readHead(bytes, isMasked);
        if (read.status === "faulty") return yield read;
        if (read.status === "partial") {
          rest = Buffer.from(bytes);
          return;
        }
        const { opcode, isFinal, length, bytes: headBytes } = read.head;
        const mask = read.head.mask === null ? null : Buffer.from(read.head.mask);
        if (isControl(opcode)) {
          if (bytes.length < headBytes + length) {
            rest = Buffer.from(bytes);
            return;
          }
          const raw = bytes.subarray(headBytes, headBytes + length);
          const plain = mask === null ? raw : masked(raw, mask);
          bytes = bytes.subarray(headBytes + length);
          isClosing = opcode === OPCODE.close;
          if (isClosing && !isClosePayload(plain)) return yield { status: "faulty", reason: "websocket-close" };
          yield { status: "slice", slice: { opcode, payload: plain, isFinal: true } };
          continue;
        }
        if ((opcode === OPCODE.continuation) !== isInMessage) {
          return yield { status: "faulty", reason: "websocket-continuation" };
        }
        bytes = bytes.subarray(headBytes);
        isInMessage = true;
        payload = { opcode, isFinal, mask, length, at: 0 };
        if (length === 0) yield { status: "slice", slice: sliceOf(payload, NOTHING) };
      }
    },
    isBetweenMessages: () => rest.length === 0 && payload === null && !isInMessage,
  };
}
