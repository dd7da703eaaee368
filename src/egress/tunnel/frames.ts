import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";

/**
 * The frames of a WebSocket (RFC 6455, 5), read as strictly as the RFC allows: no extension was agreed on, so every reserved bit
 * is a fault; a length is written in the shortest way; control frames are short, whole and of a known kind; who sends, masks
 * or does not. What is read is handed on anew, so that two readers have nothing to differ about.
 */
export const WEBSOCKET_FAULTS = [
  "websocket-reserved",
  "websocket-opcode",
  "websocket-mask",
  "websocket-length",
  "websocket-control",
  "websocket-control-flood",
  "websocket-continuation",
  "websocket-close",
  "websocket-text",
  "websocket-too-long",
  "websocket-broken-off",
] as const;
export type WebsocketFault = (typeof WEBSOCKET_FAULTS)[number];

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const KNOWN: readonly number[] = Object.values(OPCODE);
const CONTROL_BYTES_MAX = 125;

/** A piece of a message, or a control frame, which is always whole. Only the first piece of a message has its opcode. */
export type Slice = { opcode: number; payload: Buffer /** Does the message end with it? */; isFinal: boolean };

type FrameHead = {
  opcode: number;
  isFinal: boolean;
  mask: Buffer | null;
  /** Of the payload. */
  length: number;
  /** Of the head itself. */
  bytes: number;
};

type ReadHead =
  | { status: "whole"; head: FrameHead }
  | { status: "partial" }
  | { status: "faulty"; reason: WebsocketFault };

export function isControl(opcode: number): boolean {
  return opcode >= OPCODE.close;
}

/** @param isMasked whether this end has to mask: a client does, a server must not. */
export function readHead(bytes: Buffer, isMasked: boolean): ReadHead {
  const [first, second] = bytes;
  if (first === undefined) return { status: "partial" };
  if ((first & 0x70) !== 0) return faulty("websocket-reserved");
  const opcode = first & 0x0f;
  const isFinal = (first & 0x80) !== 0;
  if (!KNOWN.includes(opcode)) return faulty("websocket-opcode");
  if (second === undefined) return { status: "partial" };
  if (((second & 0x80) !== 0) !== isMasked) return faulty("websocket-mask");
  const short = second & 0x7f;
  if (isControl(opcode) && (short > CONTROL_BYTES_MAX || !isFinal)) return faulty("websocket-control");
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const headBytes = 2 + lengthBytes + (isMasked ? 4 : 0);
  if (bytes.length < headBytes) return { status: "partial" };
  const length = lengthBytes === 8 ? longLength(bytes) : lengthBytes === 2 ? bytes.readUInt16BE(2) : short;
  if (length === undefined || length < (lengthBytes === 8 ? 0x10000 : lengthBytes === 2 ? 126 : 0)) {
    return faulty("websocket-length");
  }
  const mask = isMasked ? bytes.subarray(headBytes - 4, headBytes) : null;
  return { status: "whole", head: { opcode, isFinal, mask, length, bytes: headBytes } };
}

/** Undefined for more than anybody sends. */
function longLength(bytes: Buffer): number | undefined {
  const length = bytes.readBigUInt64BE(2);
  return length > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(length);
}

/** RFC 6455, 5.5.1 and 7.4: nothing, or a code that may stand in a frame and a reason in UTF-8. */
export function isClosePayload(payload: Buffer): boolean {
  if (payload.length === 0) return true;
  if (payload.length === 1 || !isUtf8(payload.subarray(2))) return false;
  const code = payload.readUInt16BE(0);
  return (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999);
}

/** One frame; masked as a client's when it goes to a server. */
export function frame({ opcode, payload, isFinal }: Slice, isMasked: boolean): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length > 0xffff ? 10 : length > CONTROL_BYTES_MAX ? 4 : 2);
  head[0] = (isFinal ? 0x80 : 0) | opcode;
  head[1] = (isMasked ? 0x80 : 0) | (length > 0xffff ? 127 : length > CONTROL_BYTES_MAX ? 126 : length);
  if (length > 0xffff) head.writeBigUInt64BE(BigInt(length), 2);
  else if (length > CONTROL_BYTES_MAX) head.writeUInt16BE(length, 2);
  if (!isMasked) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, masked(payload, mask)]);
}

/**
 * The payload with its mask put on, or taken off again.
 * @param at how much of the frame's payload came before.
 */
export function masked(payload: Buffer, mask: Buffer, at = 0): Buffer {
  const result = Buffer.from(payload);
  for (let i = 0; i < result.length; i++) result[i] = (result[i] ?? 0) ^ (mask[(at + i) & 3] ?? 0);
  return result;
}

function faulty(reason: WebsocketFault): { status: "faulty"; reason: WebsocketFault } {
  return { status: "faulty", reason };
}
