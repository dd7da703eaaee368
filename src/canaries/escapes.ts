import { lastUpTo, type View } from "./view.ts";

/** What lies this near to an escape is read with it; escapes that are further apart than twice that are read on their own. */
const AROUND = 2048;
/** Nor is read with it what lies beyond a control character: who escapes anything escapes those. Blanks and line ends are none. */
const ENDS_TEXT = new Uint8Array(256);
for (let byte = 0; byte < 0x20; byte++) ENDS_TEXT[byte] = byte >= 0x09 && byte <= 0x0d ? 0 : 1;

/** The text around its escapes with them undone, once for each kind of escape; nothing where there is none. */
export function* escapeViews(bytes: Buffer): Generator<View> {
  for (const kind of ESCAPES) {
    for (let first = nextEscape(bytes, kind, 0); first >= 0; ) {
      const last = lastOfRow(bytes, kind, first);
      yield undone(bytes, startOfText(bytes, first), endOfText(bytes, last), kind);
      first = nextEscape(bytes, kind, last + 1);
    }
  }
}

function nextEscape(bytes: Buffer, kind: Escapes, from: number): number {
  let at = bytes.indexOf(kind.sign, from);
  while (at >= 0 && !isEscape(bytes, kind, at)) at = bytes.indexOf(kind.sign, at + 1);
  return at;
}

/** Where the last escape is of those that have each one before it near. */
function lastOfRow(bytes: Buffer, kind: Escapes, first: number): number {
  let last = first;
  for (let at = first + 1; at < bytes.length && at <= last + 2 * AROUND && isText(bytes, at); at++) {
    if (bytes[at] === kind.sign && isEscape(bytes, kind, at)) last = at;
  }
  return last;
}

function startOfText(bytes: Buffer, from: number): number {
  const first = Math.max(0, from - AROUND);
  let start = from;
  while (start > first && isText(bytes, start - 1)) start--;
  return start;
}

function endOfText(bytes: Buffer, from: number): number {
  const last = Math.min(bytes.length, from + AROUND);
  let end = from;
  while (end < last && isText(bytes, end)) end++;
  return end;
}

function isText(bytes: Buffer, at: number): boolean {
  return ENDS_TEXT[bytes[at] ?? 0] === 0;
}

function isEscape(bytes: Buffer, { undo }: Escapes, at: number): boolean {
  return undo(bytes, at, { bytes: SCRATCH, length: 0 }) > 0;
}

/** Room for one character. */
const SCRATCH = Buffer.alloc(4);

function undone(bytes: Buffer, start: number, end: number, { sign, encoding, undo }: Escapes): View {
  // No escape is shorter than what it stands for.
  const to = { bytes: Buffer.allocUnsafe(end - start), length: 0 };
  // After each escape: a place in what was read, and the place in the text that it came from.
  const places = [0];
  const origins = [start];
  for (let at = start; at < end; ) {
    const taken = bytes[at] === sign ? undo(bytes, at, to) : 0;
    if (taken === 0) {
      to.bytes[to.length++] = bytes[at++] ?? 0;
      continue;
    }
    at += taken;
    places.push(to.length);
    origins.push(at);
  }
  const offsetOf = (at: number) => {
    const i = lastUpTo(places, at);
    return (origins[i] ?? 0) + at - (places[i] ?? 0);
  };
  const spanOf = (from: number, before: number) => ({ start: offsetOf(from), end: offsetOf(before - 1) + 1 });
  return { bytes: to.bytes.subarray(0, to.length), encoding, offsetOf, spanOf };
}

type Output = { bytes: Buffer; length: number };

type Escapes = {
  /** The byte that each of them begins with. */
  sign: number;
  encoding: string;
  /** Writes what the escape at `at` stands for and says how long it is; 0 when there is none. */
  undo(this: void, bytes: Buffer, at: number, to: Output): number;
};

const ESCAPES: readonly Escapes[] = [
  { sign: 0x25, encoding: "url", undo: (bytes, at, to) => putHex(bytes, at + 1, 2, to, 3) },
  { sign: 0x5c, encoding: "json", undo: undoJson },
  { sign: 0x26, encoding: "html", undo: undoHtml },
];

const U = 0x75;
const X = 0x78;
const SIMPLE = new Map(
  Object.entries({ n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", '"': '"', "'": "'", "\\": "\\", "/": "/" }).map(
    ([letter, character]) => [letter.charCodeAt(0), character.charCodeAt(0)],
  ),
);

function undoJson(bytes: Buffer, at: number, to: Output): number {
  const letter = bytes[at + 1] ?? 0;
  if (letter === U) return putHex(bytes, at + 2, 4, to, 6);
  if (letter === X) return putHex(bytes, at + 2, 2, to, 4);
  const byte = SIMPLE.get(letter);
  if (byte === undefined) return 0;
  to.bytes[to.length++] = byte;
  return 2;
}

/** Two digits are a byte, four a character. */
function putHex(bytes: Buffer, from: number, digits: 2 | 4, to: Output, taken: number): number {
  let value = 0;
  for (let at = from; at < from + digits; at++) {
    const digit = HEX[bytes[at] ?? 0] ?? NO_DIGIT;
    if (digit === NO_DIGIT) return 0;
    value = value * 16 + digit;
  }
  if (digits === 4) putCharacter(value, to);
  else to.bytes[to.length++] = value;
  return taken;
}

const NO_DIGIT = 16;
const HEX = new Uint8Array(256).fill(NO_DIGIT);
for (const digit of "0123456789abcdefABCDEF") HEX[digit.charCodeAt(0)] = Number.parseInt(digit, 16);

function putCharacter(point: number, to: Output): void {
  if (point < 0x80) to.bytes[to.length++] = point;
  else to.length += to.bytes.write(String.fromCodePoint(point), to.length, "utf8");
}

const HTML_ESCAPE = /^&(?:#x([0-9A-Fa-f]{1,6})|#(\d{1,7})|(amp|lt|gt|quot|apos));/;
const HTML_LENGTH_MAX = 10;
/** What an ampersand is followed by where it is one: `#`, or the first letter of a name. */
const HTML_SECOND = new Set(Buffer.from("#alqg"));
const NAMED = new Map(Object.entries({ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }));

function undoHtml(bytes: Buffer, at: number, to: Output): number {
  if (!HTML_SECOND.has(bytes[at + 1] ?? 0)) return 0;
  const match = HTML_ESCAPE.exec(bytes.toString("latin1", at, at + HTML_LENGTH_MAX));
  if (match === null) return 0;
  const [whole, hex, decimal, name = ""] = match;
  const named = NAMED.get(name)?.codePointAt(0);
  const point = named ?? (hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
  if (point > 0x10ffff) return 0;
  putCharacter(point, to);
  return whole.length;
}
