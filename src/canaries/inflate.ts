import { constants, inflateRawSync } from "node:zlib";
import { errnoOf } from "../base/errors.ts";
import type { View } from "./view.ts";

/** What a search may still decode. `isSpent` is set when something was left unread for want of it. */
export type Budget = {
  bytes: number;
  /** Compressed streams that are opened. */
  streams: number;
  /** Places that begin like one, each of which is tried. */
  probes: number;
  isSpent: boolean;
};

/** RFC 1952, 2.3. */
const GZIP_FIRST = 0x1f;
const GZIP = Buffer.from([GZIP_FIRST, 0x8b, 0x08]);
/** RFC 1950, 2.2: the usual window, and each level of compression. */
const ZLIB_FIRST = 0x78;
const ZLIB = [0x01, 0x5e, 0x9c, 0xda].map((level) => Buffer.from([ZLIB_FIRST, level]));
/**
 * Two bytes are few, so that they count only where something begins: behind one of these, or behind nothing. What hex digits give is
 * little, and there may be any digit before.
 */
const BEFORE_ZLIB = new Set(Buffer.from("\0\n \"'=:,;>{(["));

/**
 * The content of every compressed stream in the bytes, whatever follows it. Checksums are not looked at: who sends a wrong one has
 * not sent less. Of a stream that is cut off, or broken on the way, there is what can be read.
 * @param isOfDigits of what was read from hex.
 */
export function* compressedViews(bytes: Buffer, budget: Budget, isOfDigits: boolean): Generator<View> {
  const gzip = bytes.indexOf(GZIP_FIRST);
  for (let at = gzip < 0 ? -1 : bytes.indexOf(GZIP, gzip); at >= 0; at = bytes.indexOf(GZIP, at + 1)) {
    const from = blocksOfGzip(bytes, at);
    if (from !== undefined) yield* compressedView(bytes, at, from, "gzip", budget);
    if (budget.isSpent) return;
  }
  // One byte is looked for many times as fast as two, and most bytes that were decoded hold none.
  const zlib = bytes.indexOf(ZLIB_FIRST);
  for (const magic of zlib < 0 ? [] : ZLIB) {
    for (let at = bytes.indexOf(magic, zlib); at >= 0; at = bytes.indexOf(magic, at + 1)) {
      const isStart = isOfDigits || at === 0 || BEFORE_ZLIB.has(bytes[at - 1] ?? 0);
      if (isStart) yield* compressedView(bytes, at, at + magic.length, "zlib", budget);
      if (budget.isSpent) return;
    }
  }
}

/** Behind the header and what it announces, each only as far as it is there; undefined when it is no header. */
function blocksOfGzip(bytes: Buffer, at: number): number | undefined {
  const flags = bytes[at + 3] ?? 0;
  if ((flags & 0xe0) !== 0) return undefined;
  let from = at + 10;
  if ((flags & 4) !== 0) from += 2 + (bytes[from] ?? 0) + ((bytes[from + 1] ?? 0) << 8);
  for (const text of [8, 16]) if ((flags & text) !== 0) from = bytes.indexOf(0, from) + 1 || bytes.length;
  return (flags & 2) !== 0 ? from + 2 : from;
}

function* compressedView(
  bytes: Buffer,
  at: number,
  from: number,
  encoding: "gzip" | "zlib",
  budget: Budget,
): Generator<View> {
  if (!isBlock(bytes, from)) return;
  const content = inflated(bytes.subarray(from), budget);
  if (content === undefined) return;
  yield { bytes: content, encoding, offsetOf: () => at, spanOf: () => ({ start: at, end: bytes.length }) };
}

/** Could a block of DEFLATE begin here? RFC 1951, 3.2.3: of the four types one is none, and one says its length twice. */
function isBlock(bytes: Buffer, at: number): boolean {
  if (at >= bytes.length) return false;
  const type = ((bytes[at] ?? 0) >> 1) & 3;
  if (type === 0)
    return bytes.length < at + 5 || (bytes.readUInt16LE(at + 1) ^ bytes.readUInt16LE(at + 3)) === 0xffff;
  return type !== 3;
}

/** In random bytes, read in every way, something begins like a stream about every eight thousand. */
const PROBE_EVERY_BYTES = 1024;

export function budgetFor(length: number, { bytes, streams }: { bytes: number; streams: number }): Budget {
  return { bytes, streams, probes: streams + length / PROBE_EVERY_BYTES, isSpent: false };
}

/** DEFLATE cannot grow data by more than this. */
const RATIO_MAX = 1032;
const CONTENT_BYTES_MAX = 8 * 1024 * 1024;
/** What only begins like a stream is told from one by as much. */
const PROBE_BYTES = 64;

/** As far as the budget reaches: a bomb gives its beginning and no more. undefined when it is nothing that was compressed. */
function inflated(bytes: Buffer, budget: Budget): Buffer | undefined {
  if (budget.probes < 1) {
    budget.isSpent = true;
    return undefined;
  }
  budget.probes--;
  const beginning = unpack(bytes.subarray(0, PROBE_BYTES), PROBE_BYTES * RATIO_MAX);
  if (!Buffer.isBuffer(beginning)) return undefined;
  if (budget.streams === 0) {
    budget.isSpent = true;
    return undefined;
  }
  budget.streams--;
  return longest(bytes, beginning, budget);
}

/** The content of as much of it as can be read and may be, found by halving. Each further try is paid for with what it gave. */
function longest(bytes: Buffer, beginning: Buffer, budget: Budget): Buffer {
  let content = beginning;
  let good = Math.min(PROBE_BYTES, bytes.length);
  let bad = bytes.length;
  for (let length = bytes.length; ; length = (good + bad) >> 1) {
    const attempt = unpack(bytes.subarray(0, length), Math.max(1, Math.min(budget.bytes, CONTENT_BYTES_MAX)));
    if (attempt === "too long") budget.isSpent = true;
    if (Buffer.isBuffer(attempt)) {
      content = attempt;
      good = length;
    } else {
      bad = length;
    }
    if (good === bytes.length || bad - good <= PROBE_BYTES) return content;
    if (budget.bytes < 2 * content.length) {
      budget.isSpent = true;
      return content;
    }
    budget.bytes -= content.length;
  }
}

function unpack(bytes: Buffer, maxOutputLength: number): Buffer | "broken" | "too long" {
  try {
    const content = inflateRawSync(bytes, { maxOutputLength, finishFlush: constants.Z_SYNC_FLUSH });
    return content.length === 0 ? "broken" : content;
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === "ERR_BUFFER_TOO_LARGE") return "too long";
    if (code === "Z_DATA_ERROR" || code === "Z_BUF_ERROR" || code === "Z_NEED_DICT") return "broken";
    throw thrown;
  }
}
