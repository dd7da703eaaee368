import { base32Spans, base32WrappedTo, base64WrappedTo, escapedHexSpans, hexSpans, type Span } from "./digits.ts";
import type { Shape } from "./shape.ts";
import { lastUpTo, type View } from "./view.ts";

/** Some text that may be the digits of something, without what they are wrapped in. */
type Run = { digits: string; start: number; end: number };

/** No encoding reads over it. */
const BETWEEN_BYTES = 4;

/**
 * The base64 runs of a text, decoded and laid one behind the other, so that a thousand short ones cost no more than one long one.
 * Where in its groups of four a run begins is not known, so each of the four ways to cut it is a view.
 */
export function* base64Views(bytes: Buffer, { base64 }: Shape): Generator<View> {
  const runs = base64Runs(bytes, base64);
  if (runs.length === 0) return;
  for (const cut of [0, 1, 2, 3]) {
    yield laidOut(runs, "base64", {
      bytesMax: (run) => Math.ceil((run.digits.length * 3) / 4),
      digits: (run) => run.digits.slice(cut),
      offsetIn: (_, at) => cut + Math.floor(at / 3) * 4,
    });
  }
}

/** The base32 runs (RFC 4648, 6) likewise, in capitals or in small letters, as names of hosts carry them; eight digits are a group. */
export function* base32Views(bytes: Buffer, { base64 }: Shape): Generator<View> {
  const runs = base32Runs(bytes, base64);
  if (runs.length === 0) return;
  for (let cut = 0; cut < 8; cut++) {
    yield laidOut(runs, "base32", {
      bytesMax: (run) => Math.ceil((run.digits.length * 5) / 8),
      digits: (run) => run.digits.slice(cut),
      offsetIn: (_, at) => cut + Math.floor(at / 5) * 8,
    });
  }
}

/** The hex runs likewise, with and without their first digit. */
export function* hexViews(bytes: Buffer, { hex }: Shape): Generator<View> {
  const runs: Run[] = [];
  for (let i = 0; i < hex.length; i += 2) {
    for (const span of hexSpans(bytes, hex[i] ?? 0, hex[i + 1] ?? bytes.length)) runs.push(hexRun(bytes, span));
  }
  yield* bothWays(runs);
}

/** Hex as a string of a program has it, each byte behind its own escape. */
export function* escapedHexViews(bytes: Buffer): Generator<View> {
  yield* bothWays(escapedHexSpans(bytes).map((span) => hexRun(bytes, span)));
}

function hexRun(bytes: Buffer, { start, end }: Span): Run {
  return { digits: bytes.toString("latin1", start, end).replaceAll(/[^0-9A-Fa-f]/g, ""), start, end };
}

function* bothWays(runs: readonly Run[]): Generator<View> {
  if (runs.length === 0) return;
  for (const cut of [0, 1]) {
    yield laidOut(runs, "hex", {
      bytesMax: (run) => run.digits.length / 2,
      digits: ({ digits }) => digits.slice(cut, digits.length - ((digits.length - cut) % 2)),
      offsetIn: (run, at) => cut + Math.floor((at * 2 * (run.end - run.start)) / run.digits.length),
    });
  }
}

/** Runs may be wrapped over lines, as `base64` and PEM do it; the first line at least 16 characters long. */
function base64Runs(bytes: Buffer, places: readonly number[]): Run[] {
  const runs: Run[] = [];
  let done = 0;
  for (let i = 0; i < places.length; i += 2) {
    const start = places[i] ?? 0;
    const end = places[i + 1] ?? 0;
    if (start < done) continue;
    done = isLineEnd(bytes[end]) ? base64WrappedTo(bytes, end) : end;
    runs.push(unwrapped(bytes, { start, end: done }));
  }
  return runs;
}

/** Their digits are digits of base64, too, so that they stand within its runs. */
function base32Runs(bytes: Buffer, places: readonly number[]): Run[] {
  const runs: Run[] = [];
  let done = 0;
  for (let i = 0; i < places.length; i += 2) {
    const to = places[i + 1] ?? 0;
    for (const span of base32Spans(bytes, places[i] ?? 0, to)) {
      if (span.start < done) continue;
      done = span.end === to && isLineEnd(bytes[to]) ? base32WrappedTo(bytes, span) : span.end;
      runs.push(unwrapped(bytes, { start: span.start, end: done }));
    }
  }
  return runs;
}

function unwrapped(bytes: Buffer, { start, end }: Span): Run {
  return { digits: bytes.toString("latin1", start, end).replaceAll(/\\n|[\\\s]/g, ""), start, end };
}

/** Of the text, or written as an escape. */
function isLineEnd(byte: number | undefined): boolean {
  return byte === 0x0a || byte === 0x0d || byte === 0x5c;
}

type Digits = "base32" | "base64" | "hex";

type Reading = {
  bytesMax(run: Run): number;
  digits(run: Run): string;
  /** From the run's start, for a byte of what was decoded. */
  offsetIn(run: Run, at: number): number;
};

function laidOut(runs: readonly Run[], encoding: Digits, reading: Reading): View {
  let bytesMax = 0;
  for (const run of runs) bytesMax += Math.ceil(reading.bytesMax(run)) + BETWEEN_BYTES;
  const bytes = Buffer.alloc(bytesMax);
  const starts: number[] = [];
  let length = 0;
  for (const run of runs) {
    starts.push(length);
    length += written(bytes, reading.digits(run), length, encoding) + BETWEEN_BYTES;
  }
  const runAt = (at: number) => runs[lastUpTo(starts, at)] ?? NO_RUN;
  return {
    bytes: bytes.subarray(0, length),
    encoding,
    offsetOf(at) {
      const run = runAt(at);
      return Math.min(run.end - 1, run.start + reading.offsetIn(run, at - (starts[lastUpTo(starts, at)] ?? 0)));
    },
    spanOf: (from) => ({ start: runAt(from).start, end: runAt(from).end }),
  };
}

/** Decodes to a place; returns the number of bytes. */
function written(bytes: Buffer, digits: string, at: number, encoding: Digits): number {
  return encoding === "base32" ? writeBase32(bytes, digits, at) : bytes.write(digits, at, encoding);
}

/** What is left of a group that is not whole is left out. */
function writeBase32(bytes: Buffer, digits: string, at: number): number {
  let bits = 0;
  let held = 0;
  let to = at;
  for (let i = 0; i < digits.length; i++) {
    const code = digits.charCodeAt(i);
    // 2 to 7, then letters of either case.
    held = ((held << 5) | (code < 0x40 ? code - 0x32 + 26 : (code & 0x1f) - 1)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes[to++] = (held >> bits) & 0xff;
  }
  return to - at;
}

const NO_RUN: Run = { digits: "", start: 0, end: 1 };
