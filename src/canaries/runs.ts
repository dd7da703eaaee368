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

/** The hex runs likewise, with and without their first digit. */
export function* hexViews(bytes: Buffer, { hex }: Shape): Generator<View> {
  const runs: Run[] = [];
  for (let i = 0; i < hex.length; i += 2) {
    const from = hex[i] ?? 0;
    for (const match of bytes.toString("latin1", from, hex[i + 1]).matchAll(HEX_RUN)) runs.push(hexRun(match, from));
  }
  yield* bothWays(runs);
}

/** Hex as a string of a program has it, each byte behind its own escape. */
export function* escapedHexViews(bytes: Buffer): Generator<View> {
  if (!bytes.includes("\\x")) return;
  const text = bytes.toString("latin1");
  yield* bothWays(Array.from(text.matchAll(ESCAPED_HEX_RUN), (match) => hexRun(match, 0)));
}

/** One digit more than pairs: where the first one is not of it, the last one is. */
const HEX_RUN = /(?:[0-9A-Fa-f]{2}[ :]?){8,}[0-9A-Fa-f]?/g;
/** The look ahead is cheaper to fail. */
const ESCAPED_HEX_RUN = /(?=\\x)(?:\\x[0-9A-Fa-f]{2}){4,}/g;

function hexRun(match: RegExpExecArray, from: number): Run {
  const start = from + match.index;
  return { digits: match[0].replaceAll(/[^0-9A-Fa-f]/g, ""), start, end: start + match[0].length };
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
const BASE64_RUN = /[A-Za-z0-9+/_-]{16,}(?:\\?\r?(?:\n|\\n)[ \t]*[A-Za-z0-9+/_-]+)*/y;

function base64Runs(bytes: Buffer, places: readonly number[]): Run[] {
  const runs: Run[] = [];
  let text: string | undefined;
  let done = 0;
  for (let i = 0; i < places.length; i += 2) {
    const start = places[i] ?? 0;
    const end = places[i + 1] ?? 0;
    if (start < done) continue;
    if (!isLineEnd(bytes[end])) {
      runs.push({ digits: bytes.toString("latin1", start, end), start, end });
      continue;
    }
    text ??= bytes.toString("latin1");
    BASE64_RUN.lastIndex = start;
    const [match = ""] = BASE64_RUN.exec(text) ?? [];
    done = start + match.length;
    runs.push({ digits: match.replaceAll(/\\n|[\\\s]/g, ""), start, end: done });
  }
  return runs;
}

/** Of the text, or written as an escape. */
function isLineEnd(byte: number | undefined): boolean {
  return byte === 0x0a || byte === 0x0d || byte === 0x5c;
}

type Reading = {
  bytesMax(run: Run): number;
  digits(run: Run): string;
  /** From the run's start, for a byte of what was decoded. */
  offsetIn(run: Run, at: number): number;
};

function laidOut(runs: readonly Run[], encoding: "base64" | "hex", reading: Reading): View {
  let bytesMax = 0;
  for (const run of runs) bytesMax += Math.ceil(reading.bytesMax(run)) + BETWEEN_BYTES;
  const bytes = Buffer.alloc(bytesMax);
  const starts: number[] = [];
  let length = 0;
  for (const run of runs) {
    starts.push(length);
    length += bytes.write(reading.digits(run), length, encoding) + BETWEEN_BYTES;
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

const NO_RUN: Run = { digits: "", start: 0, end: 1 };
