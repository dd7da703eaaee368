import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { hashLeaf, parseStored, type Stored } from "./entry.ts";
import { type Edge, EMPTY_EDGE, extend } from "./tree.ts";

/**
 * The log's files: `leaves-<first seq>.jsonl`, one line a leaf, each read in blocks so that a long log needs little
 * memory. A last line without its newline was never acknowledged to anybody: a writer died, or is still at it.
 */

/** A segment that has grown to this takes no more leaves; the next begins a new file. */
export const SEGMENT_BYTES_MAX = 8 * 1024 * 1024;

/** A place between two leaves: what came before it as an edge, and where the next one stands. */
export type Position = {
  edge: Edge;
  /** The seq of the segment's first leaf. */
  segment: number;
  /** Byte offset in the segment. */
  bytes: number;
};

export const START: Position = { edge: EMPTY_EDGE, segment: 0, bytes: 0 };

export function segmentPath(directory: string, first: number): string {
  return join(directory, `leaves-${String(first).padStart(12, "0")}.jsonl`);
}

/** First seqs of the segments that are there, in order. Empty when the directory is not there. */
export function segmentsIn(directory: string): number[] {
  const names = namesIn(directory).flatMap((name) => /^leaves-(\d{12})\.jsonl$/.exec(name)?.[1] ?? []);
  return names.map(Number).sort((a, b) => a - b);
}

/**
 * Walks from a position to the end of the log, or to leaf `until`. Each leaf is checked to be whole and next in turn;
 * throws OperatorError at the first that is not.
 */
export function walk(
  directory: string,
  from: Position,
  visit: (hash: Uint8Array) => void,
  until = Infinity,
): { position: Position; tornBytes: number } {
  let position = from;
  for (const step of stepsFrom(directory, from.segment, from.bytes, from.edge.size)) {
    if (position.edge.size >= until) break;
    if (step.status === "torn") return { position, tornBytes: step.bytes };
    if (step.status === "broken") throw damaged(step);
    const hash = hashLeaf(step.stored.leaf);
    visit(hash);
    position = { edge: extend(position.edge, hash), segment: step.segment, bytes: step.end };
  }
  return { position, tornBytes: 0 };
}

/** Where a leaf stands. */
export type Place = { seq: number; segment: number; bytes: number };

export const FIRST: Place = { seq: 0, segment: 0, bytes: 0 };

/**
 * Every whole leaf from a place on, or from the segment that holds leaf `sinceSeq` on when that begins later; each with
 * the place behind it. Throws OperatorError at a damaged one.
 */
export function* storedFrom(
  directory: string,
  place: Place,
  sinceSeq: number,
): Generator<{ stored: Stored; next: Place }, void> {
  const later = segmentsIn(directory).findLast((segment) => place.segment < segment && segment <= sinceSeq);
  const from = later === undefined ? place : { seq: later, segment: later, bytes: 0 };
  for (const step of stepsFrom(directory, from.segment, from.bytes, from.seq)) {
    if (step.status === "broken") throw damaged(step);
    if (step.status === "torn") return;
    const { stored, segment, end } = step;
    yield { stored, next: { seq: stored.leaf.seq + 1, segment, bytes: end } };
  }
}

export type Step =
  | { status: "leaf"; stored: Stored; segment: number; end: number }
  /** The last line of the log has no newline; so many bytes of it are there. */
  | { status: "torn"; bytes: number }
  | { status: "broken"; where: string; what: string };

/** Leaf by leaf from an offset in a segment on; ends after the first step that is no leaf. */
export function* stepsFrom(directory: string, from: number, bytes: number, firstSeq: number): Generator<Step, void> {
  const segments = segmentsIn(directory).filter((segment) => segment >= from);
  let seq = firstSeq;
  for (const [index, segment] of segments.entries()) {
    const where = segmentPath(directory, segment);
    const broken = (what: string): Step => ({ status: "broken", where, what });
    if (segment !== (index === 0 ? from : seq)) return yield broken(`it begins where leaf ${seq} belongs`);
    for (const line of linesOf(where, index === 0 ? bytes : 0)) {
      if (!line.isWhole && index < segments.length - 1) return yield broken(`it ends inside leaf ${seq}`);
      if (!line.isWhole) return yield { status: "torn", bytes: line.bytes.length };
      const parsed = parseStored(line.bytes);
      if (parsed.status === "bad") return yield broken(`leaf ${seq} is damaged: ${parsed.reason}`);
      const found = parsed.stored.leaf.seq;
      if (found !== seq) return yield broken(`leaf ${found} stands where leaf ${seq} belongs`);
      yield { status: "leaf", stored: parsed.stored, segment, end: line.end };
      seq++;
    }
  }
}

export type Line = {
  /** Without the newline. */
  bytes: Buffer;
  /** Offset just after the newline. */
  end: number;
  /** False for a last line that has no newline. */
  isWhole: boolean;
};

/** Lines from a byte offset on. A file that is not there has none. */
export function* linesOf(path: string, from: number): Generator<Line, void> {
  const fd = openIfThere(path);
  if (fd === undefined) return;
  try {
    const block = Buffer.alloc(READ_BYTES);
    let rest: Buffer = Buffer.alloc(0);
    let restStart = from;
    for (;;) {
      const length = readSync(fd, block, 0, block.length, restStart + rest.length);
      if (length === 0) break;
      rest = Buffer.concat([rest, block.subarray(0, length)]);
      let start = 0;
      for (let newline = rest.indexOf(10); newline >= 0; newline = rest.indexOf(10, start)) {
        yield { bytes: rest.subarray(start, newline), end: restStart + newline + 1, isWhole: true };
        start = newline + 1;
      }
      rest = rest.subarray(start);
      restStart += start;
    }
    if (rest.length > 0) yield { bytes: rest, end: restStart + rest.length, isWhole: false };
  } finally {
    closeSync(fd);
  }
}

const READ_BYTES = 256 * 1024;

function damaged(step: { where: string; what: string }): OperatorError {
  const hint = "run weakdoor log verify, keep the folder as evidence, and begin a new one";
  return new OperatorError(`the log is damaged: ${step.what} (${step.where})`, hint);
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}
