import { type Budget, inflated } from "./inflate.ts";
import { type Shape, shapeOf } from "./shape.ts";

/** A decoded reading of a piece of some text. */
export type View = {
  bytes: Buffer;
  /** base64, hex, url, json, html, gzip. */
  encoding: string;
  /** Bytes of the text that were read so. */
  start: number;
  end: number;
  /** Where in the text the encoded form of a decoded byte begins, as near as the encoding lets one say. */
  offsetOf(at: number): number;
};

/** How often an encoding inside an encoding is opened. */
export const DEPTH_MAX = 4;

/**
 * Every other reading of a text: its base64 and hex runs, its escapes undone, its gzip content. Each costs from
 * `budget`; when that is spent there are no more, which bounds the work on hostile input.
 */
export function* views(bytes: Buffer, budget: Budget, shape: Shape = shapeOf(bytes)): Generator<View> {
  for (const view of all(bytes, shape, budget)) {
    if (budget.bytes < view.bytes.length) {
      budget.isSpent = true;
      return;
    }
    budget.bytes -= view.bytes.length;
    yield view;
  }
}

function* all(bytes: Buffer, shape: Shape, budget: Budget): Generator<View> {
  const escapes = shape.hasEscapes ? ESCAPES.filter(({ sign }) => bytes.includes(sign)) : [];
  if (escapes.length > 0 || shape.base64.length > 0 || shape.hex.length > 0) {
    const text = bytes.toString("latin1");
    for (const { escape, encoding, decode } of escapes) yield* unescaped(text, escape, encoding, decode);
    yield* hexRuns(text, shape.hex);
    if (escapes.some(({ encoding }) => encoding === "json")) yield* escapedHexRuns(text);
    yield* base64Runs(text, shape.base64);
  }
  if (shape.hasMagic || bytes[0] === ZLIB) yield* compressed(bytes, budget);
}

/**
 * Runs may be wrapped over lines, as `base64` and PEM do it; the first line at least 16 characters long; where a run
 * begins is not known, so each of the four ways to cut it is tried.
 */
const BASE64_RUN = /[A-Za-z0-9+/_-]{16,}(?:\\?\r?(?:\n|\\n)[ \t]*[A-Za-z0-9+/_-]+)*/y;

function* base64Runs(text: string, places: readonly number[]): Generator<View> {
  let done = 0;
  for (let i = 0; i < places.length; i += 2) {
    const start = places[i] ?? 0;
    if (start < done) continue;
    BASE64_RUN.lastIndex = start;
    const match = BASE64_RUN.exec(text);
    if (match === null) continue;
    const run = match[0].replaceAll(/\\n|[\\\s]/g, "");
    const end = start + match[0].length;
    done = end;
    for (const cut of [0, 1, 2, 3]) {
      const bytes = Buffer.from(run.slice(cut), "base64");
      const offsetOf = (at: number) => Math.min(end - 1, start + cut + Math.floor(at / 3) * 4);
      yield { bytes, encoding: "base64", start, end, offsetOf };
    }
  }
}

const HEX_RUN = /(?:[0-9a-f]{2}[ :]?){8,}|(?:[0-9A-F]{2}[ :]?){8,}/g;

function* hexRuns(text: string, places: readonly number[]): Generator<View> {
  for (let i = 0; i < places.length; i += 2) {
    const from = places[i] ?? 0;
    for (const match of text.slice(from, places[i + 1]).matchAll(HEX_RUN)) yield* hexViews(match, from);
  }
}

/** The look ahead is cheaper to fail. */
const ESCAPED_HEX_RUN = /(?=\\x)(?:\\x[0-9A-Fa-f]{2}){4,}/g;

function* escapedHexRuns(text: string): Generator<View> {
  for (const match of text.matchAll(ESCAPED_HEX_RUN)) yield* hexViews(match, 0);
}

function* hexViews(match: RegExpExecArray, from: number): Generator<View> {
  const digits = match[0].replaceAll(/[^0-9A-Fa-f]/g, "");
  const start = from + match.index;
  const end = start + match[0].length;
  const width = match[0].length / (digits.length / 2);
  for (const cut of [0, 1]) {
    const bytes = Buffer.from(digits.slice(cut, digits.length - ((digits.length - cut) % 2)), "hex");
    const offsetOf = (at: number) => Math.min(end - 1, start + cut + Math.floor(at * width));
    yield { bytes, encoding: "hex", start, end, offsetOf };
  }
}

function* compressed(bytes: Buffer, budget: Budget): Generator<View> {
  for (let at = bytes.indexOf(GZIP); at >= 0; at = bytes.indexOf(GZIP, at + 1)) {
    const content = inflated(bytes.subarray(at), "gzip", budget);
    const start = at;
    if (content !== undefined)
      yield { bytes: content, encoding: "gzip", start, end: bytes.length, offsetOf: () => start };
    if (budget.isSpent) return;
  }
  if (bytes[0] === ZLIB && (((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)) % 31 === 0) {
    const content = inflated(bytes, "zlib", budget);
    if (content !== undefined)
      yield { bytes: content, encoding: "zlib", start: 0, end: bytes.length, offsetOf: () => 0 };
  }
}

/** The first byte of a zlib stream with the usual window. */
const ZLIB = 0x78;
const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);

/** What lies this near to an escape is read with it; escapes that are further apart than twice that are read on their own. */
const AROUND = 2048;

/** The text around its escapes with them undone, and the way back; nothing when there is none. */
function* unescaped(
  text: string,
  escape: RegExp,
  encoding: string,
  decode: (match: RegExpMatchArray) => string | undefined,
): Generator<View> {
  let reading: Reading | undefined;
  for (const match of text.matchAll(escape)) {
    const character = decode(match);
    if (character === undefined) continue;
    if (reading !== undefined && match.index > reading.done + 2 * AROUND) {
      yield viewOf(reading, text, encoding);
      reading = undefined;
    }
    const start = Math.max(0, match.index - AROUND);
    reading ??= { start, done: start, pieces: [], length: 0, marks: [0, start] };
    if (match.index > reading.done) reading.pieces.push(text.slice(reading.done, match.index));
    reading.pieces.push(character);
    reading.length += match.index - reading.done + character.length;
    reading.done = match.index + match[0].length;
    reading.marks.push(reading.length, reading.done);
  }
  if (reading !== undefined) yield viewOf(reading, text, encoding);
}

/** After each escape: a place in what was read, and the place in the text that it came from. An object for each would be most of the memory. */
type Marks = number[];
type Reading = { start: number; done: number; pieces: string[]; length: number; marks: Marks };

function viewOf({ start, done, pieces, marks }: Reading, text: string, encoding: string): View {
  const end = Math.min(text.length, done + AROUND);
  const bytes = Buffer.from(pieces.join("") + text.slice(done, end), "latin1");
  return { bytes, encoding, start, end, offsetOf: (at) => backwards(marks, at) };
}

function backwards(marks: Marks, at: number): number {
  let low = 0;
  let high = marks.length / 2 - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((marks[middle * 2] ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  return (marks[low * 2 + 1] ?? 0) + (at - (marks[low * 2] ?? 0));
}

const JSON_ESCAPE = /\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([nrtbf"'\\/]))/g;
const SIMPLE = new Map(Object.entries({ n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" }));

function jsonCharacter(match: RegExpMatchArray): string | undefined {
  if (match[1] !== undefined) return utf8(Number.parseInt(match[1], 16));
  if (match[2] !== undefined) return hexByte(match[2]);
  return SIMPLE.get(match[3] ?? "") ?? match[3];
}

const HTML_ESCAPE = /&(?:#x([0-9A-Fa-f]{1,6})|#(\d{1,7})|(amp|lt|gt|quot|apos));/g;
const NAMED = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

function htmlCharacter(match: RegExpMatchArray): string | undefined {
  if (match[3] !== undefined) return NAMED.get(match[3]);
  const point = match[1] === undefined ? Number(match[2]) : Number.parseInt(match[1], 16);
  return point > 0x10ffff ? undefined : utf8(point);
}

const ESCAPES: readonly Escapes[] = [
  { sign: "%", escape: /%([0-9A-Fa-f]{2})/g, encoding: "url", decode: (match) => hexByte(match[1]) },
  { sign: "\\", escape: JSON_ESCAPE, encoding: "json", decode: jsonCharacter },
  { sign: "&", escape: HTML_ESCAPE, encoding: "html", decode: htmlCharacter },
];
type Escapes = {
  /** Without it there is none of them. */
  sign: string;
  escape: RegExp;
  encoding: string;
  decode(this: void, match: RegExpMatchArray): string | undefined;
};

function utf8(point: number): string {
  return Buffer.from(String.fromCodePoint(point), "utf8").toString("latin1");
}

function hexByte(digits: string | undefined): string {
  return String.fromCharCode(Number.parseInt(digits ?? "0", 16));
}
