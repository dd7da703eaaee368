/**
 * Where the digits of an encoding stand in some bytes. By hand and not by expression: one that repeats a group keeps a note for
 * each repetition, and a text of a few megabytes that is made for it ends in "Maximum call stack size exceeded".
 */
export type Span = { start: number; end: number };

const HEX = tableOf("0123456789abcdefABCDEF");
const BASE64 = tableOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_");
const CAPITALS = tableOf("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
const SMALL = tableOf("abcdefghijklmnopqrstuvwxyz234567");
const WORD = tableOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");

const HEX_PAIRS_MIN = 8;
const ESCAPES_MIN = 4;
const BASE32_MIN = 16;

/** Eight pairs of digits and more, a space or a colon behind any of them, and one digit more: where the first one is not of it, the last one is. */
export function hexSpans(bytes: Buffer, from: number, to: number): Span[] {
  const spans: Span[] = [];
  for (let start = from; start < to; ) {
    let pairs = 0;
    let end = start;
    while (end + 1 < to && is(HEX, bytes[end]) && is(HEX, bytes[end + 1])) {
      pairs++;
      end += 2;
      if (end < to && (bytes[end] === SPACE || bytes[end] === COLON)) end++;
    }
    if (pairs < HEX_PAIRS_MIN) {
      start++;
      continue;
    }
    if (end < to && is(HEX, bytes[end])) end++;
    spans.push({ start, end });
    start = end;
  }
  return spans;
}

/** Four bytes and more as a string of a program has them, each behind its own escape: `\x41\x42`. */
export function escapedHexSpans(bytes: Buffer): Span[] {
  const spans: Span[] = [];
  for (let start = bytes.indexOf("\\x"); start >= 0; ) {
    let end = start;
    while (
      bytes[end] === BACKSLASH &&
      bytes[end + 1] === SMALL_X &&
      is(HEX, bytes[end + 2]) &&
      is(HEX, bytes[end + 3])
    )
      end += 4;
    if (end - start >= 4 * ESCAPES_MIN) spans.push({ start, end });
    start = bytes.indexOf("\\x", Math.max(end, start + 1));
  }
  return spans;
}

/** Words of one case of base32, sixteen digits and more, within a run of base64. */
export function base32Spans(bytes: Buffer, from: number, to: number): Span[] {
  const spans: Span[] = [];
  for (let start = from; start < to; ) {
    let end = start;
    let isCapitals = true;
    let isSmall = true;
    for (; end < to && is(WORD, bytes[end]); end++) {
      isCapitals &&= is(CAPITALS, bytes[end]);
      isSmall &&= is(SMALL, bytes[end]);
    }
    if (end - start >= BASE32_MIN && (isCapitals || isSmall)) spans.push({ start, end });
    start = end + 1;
  }
  return spans;
}

/** The end of base64 that begins before `end` and goes on in the lines behind it, as `base64` and PEM wrap it. */
export function base64WrappedTo(bytes: Buffer, end: number): number {
  return wrappedTo(bytes, end, BASE64);
}

/** The same of base32 in the case that its first digit, at `start`, has. */
export function base32WrappedTo(bytes: Buffer, { start, end }: Span): number {
  const isCapitals = bytes.subarray(start, end).every((byte) => is(CAPITALS, byte));
  return wrappedTo(bytes, end, isCapitals ? CAPITALS : SMALL);
}

function wrappedTo(bytes: Buffer, end: number, digits: Uint8Array): number {
  for (let last = end; ; ) {
    const line = lineEndAt(bytes, last);
    if (line < 0) return last;
    let at = line;
    while (bytes[at] === SPACE || bytes[at] === TAB) at++;
    const first = at;
    while (is(digits, bytes[at])) at++;
    if (at === first) return last;
    last = at;
  }
}

/** Behind a line end of the text, or of a string in it, a backslash before it or not; -1 where there is none. */
function lineEndAt(bytes: Buffer, at: number): number {
  for (const skipped of bytes[at] === BACKSLASH ? [1, 0] : [0]) {
    let next = at + skipped;
    if (bytes[next] === CARRIAGE_RETURN) next++;
    if (bytes[next] === LINE_FEED) return next + 1;
    if (bytes[next] === BACKSLASH && bytes[next + 1] === SMALL_N) return next + 2;
  }
  return -1;
}

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const SMALL_N = 0x6e;
const SMALL_X = 0x78;

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(characters, "latin1")) table[byte] = 1;
  return table;
}

function is(table: Uint8Array, byte: number | undefined): boolean {
  return byte !== undefined && table[byte] === 1;
}
