import { peeled } from "./peel.ts";
import type { Piece } from "./pieces.ts";
import { WINDOW_BYTES } from "./window.ts";

/** The pieces of one place, or of one kind, one after the other. */
export type Value = { slot: string; bytes: Buffer /** Of several pieces of this request. */; isJoin: boolean };

/** Beginning and end of a value, each at most WINDOW_BYTES; the same when it is short. `slot` names its place. */
export type End = { slot: string; length: number; head: Buffer; tail: Buffer };

type Row = { plain: Buffer[]; bare: Buffer[]; isEncoded: boolean };

/** Of one part of a request; the pieces in further places stand in the row of their kind alone. */
const SLOTS_MAX = 128;

/** By place and by kind; each row once more without its pieces' encodings, where one has any. */
export function valuesOf(pieces: readonly Piece[]): Value[] {
  const slots = new Map<string, Row>();
  const kinds = new Map<string, Row>();
  for (const { slot, bytes } of pieces) {
    const bare = peeled(bytes);
    const [kind = "", place] = slot.split(":", 2);
    put(kinds, kind, bytes, bare);
    const isNamed = place !== "" && (slots.has(slot) || slots.size < SLOTS_MAX);
    if (isNamed) put(slots, slot, bytes, bare);
  }
  return [...slots, ...kinds].flatMap(([slot, { plain, bare, isEncoded }]) => {
    const isJoin = plain.length > 1;
    const value = { slot, bytes: Buffer.concat(plain), isJoin };
    return isEncoded ? [value, { slot: `${slot} decoded`, bytes: Buffer.concat(bare), isJoin }] : [value];
  });
}

export function endOf(slot: string, bytes: Buffer): End {
  const head = Buffer.from(bytes.subarray(0, WINDOW_BYTES));
  if (bytes.length <= WINDOW_BYTES) return { slot, length: bytes.length, head, tail: head };
  return { slot, length: bytes.length, head, tail: Buffer.from(bytes.subarray(-WINDOW_BYTES)) };
}

function put(rows: Map<string, Row>, name: string, bytes: Buffer, bare: Buffer): void {
  const row = rows.get(name) ?? { plain: [], bare: [], isEncoded: false };
  rows.set(name, row);
  row.plain.push(bytes);
  row.bare.push(bare);
  row.isEncoded ||= bare !== bytes;
}
