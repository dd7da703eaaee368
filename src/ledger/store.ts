import { randomBytes } from "node:crypto";
import { closeSync, fdatasyncSync, ftruncateSync, mkdirSync, openSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { errnoOf, messageOf, OperatorError } from "../base/errors.ts";
import { syncDirectory, writeAll } from "../base/files.ts";
import { canonicalJson } from "../base/hash.ts";
import { commitTo, formatStored, hashLeaf, PAYLOAD_BYTES_MAX, SALT_BYTES } from "./entry.ts";
import type { Leaf, LeafInput, LedgerEntry } from "./ledger.ts";
import { type Lock, openLock, sqliteCodeOf } from "./lock.ts";
import { readMark, writeMark } from "./mark.ts";
import { FIRST, type Position, SEGMENT_BYTES_MAX, START, segmentPath, storedFrom, walk } from "./segments.ts";
import { extend } from "./tree.ts";

/**
 * The leaves on the disk. An append takes the lock, catches up with what other processes wrote, cuts a torn last line
 * (and says so in a leaf of its own), writes one line, syncs, and lets go.
 */
export type Leaves = {
  /** Durable when it returns. Throws OperatorError `the log cannot be written`: then the caller must stop. */
  append(input: LeafInput): Leaf;
  read(sinceSeq: number): LedgerEntry[];
  /** The end of the log as it is on the disk now. */
  tip(): Position;
  /** Runs alone among all processes that use this log. */
  alone<T>(work: () => T): T;
  close(): void;
};

export function openLeaves(directory: string, clock: Clock): Leaves {
  const lock: Lock = writing(directory, () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return openLock(join(directory, "lock"));
  });
  const tipPath = join(directory, "tip.json");
  let known: Position | undefined;

  function write(at: Position, input: LeafInput): { position: Position; leaf: Leaf } {
    const { line, leaf } = lineFor(input, at.edge.size, clock);
    const next = at.bytes < SEGMENT_BYTES_MAX ? at : { edge: at.edge, segment: at.edge.size, bytes: 0 };
    appendDurably(directory, next, line);
    const position = { ...next, edge: extend(at.edge, hashLeaf(leaf)), bytes: next.bytes + line.length };
    known = position;
    writeMark(tipPath, position);
    return { position, leaf };
  }

  function catchUp() {
    const from = known ?? readMark(tipPath) ?? START;
    refuseShorter(directory, from);
    const end = walk(directory, from, () => undefined);
    known = end.position;
    return end;
  }

  return {
    append: (input) =>
      writing(directory, () =>
        lock.hold(() => {
          const { position, tornBytes } = catchUp();
          if (tornBytes === 0) return write(position, input).leaf;
          cut(segmentPath(directory, position.segment), position.bytes);
          const recovered = { ...input, kind: "log.recovered", payload: { bytesCut: tornBytes } };
          return write(write(position, recovered).position, input).leaf;
        }),
      ),
    read: readerOf(directory),
    tip: () => writing(directory, () => lock.hold(() => catchUp().position)),
    alone: (work) => writing(directory, () => lock.hold(work)),
    close: () => lock.close(),
  };
}

/** Needs no lock and writes nothing. Throws OperatorError at a damaged leaf. */
export function readEntries(directory: string, sinceSeq = 0): LedgerEntry[] {
  return readerOf(directory)(sinceSeq);
}

/** Remembers where the leaf stands that was asked for last: who waits for one asks for the same again every few milliseconds. */
function readerOf(directory: string): (sinceSeq: number) => LedgerEntry[] {
  let place = FIRST;
  return (sinceSeq) => {
    const entries: LedgerEntry[] = [];
    for (const { stored, next } of storedFrom(directory, place.seq <= sinceSeq ? place : FIRST, sinceSeq)) {
      const { leaf, payload } = stored;
      if (leaf.seq < sinceSeq) place = next;
      else entries.push({ leaf, payload });
    }
    return entries;
  };
}

function lineFor(input: LeafInput, seq: number, clock: Clock): { line: Buffer; leaf: Leaf } {
  const payload = plainOf(input.payload);
  const bytes = Buffer.byteLength(canonicalJson(payload));
  if (bytes > PAYLOAD_BYTES_MAX) {
    throw new RangeError(`the payload of ${input.kind} has ${bytes} bytes, at most ${PAYLOAD_BYTES_MAX}`);
  }
  const salt = randomBytes(SALT_BYTES).toString("hex");
  const leaf: Leaf = {
    v: 1,
    seq,
    t: clock.now().toISOString(),
    cycle: input.cycle,
    actor: { kind: input.actor.kind, name: input.actor.name.toWellFormed().slice(0, 200) },
    kind: input.kind,
    commit: commitTo(salt, payload),
  };
  return { line: Buffer.from(formatStored({ leaf, payload, salt })), leaf };
}

/** As JSON reads it back; a lone surrogate, which canonical JSON refuses and a guest may send, becomes U+FFFD. */
function plainOf(payload: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(
    JSON.stringify(payload, (_, value) => (typeof value === "string" ? value.toWellFormed() : value)),
  );
}

function appendDurably(directory: string, at: Position, line: Uint8Array): void {
  const fd = openSync(segmentPath(directory, at.segment), "a", 0o600);
  let isDurable = false;
  try {
    writeAll(fd, line);
    fdatasyncSync(fd);
    if (at.bytes === 0) syncDirectory(directory);
    isDurable = true;
  } finally {
    // A full disk takes a part of a line: what nobody was told of does not stay.
    if (!isDurable) ftruncateSync(fd, at.bytes);
    closeSync(fd);
  }
}

function cut(path: string, bytes: number): void {
  const fd = openSync(path, "r+");
  try {
    ftruncateSync(fd, bytes);
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A log that lost acknowledged leaves takes no more: going on would hide the loss. */
function refuseShorter(directory: string, at: Position): void {
  const bytes = statSync(segmentPath(directory, at.segment), { throwIfNoEntry: false })?.size ?? 0;
  if (bytes >= at.bytes) return;
  const hint = `${segmentPath(directory, at.segment)} is shorter than it was: run weakdoor log verify`;
  throw new OperatorError(CANNOT, hint);
}

const CANNOT = "the log cannot be written";

/** What the machine refuses (full, read-only, no permission, broken disk) becomes one line and a hint. */
function writing<T>(directory: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    const code = sqliteCodeOf(thrown) ?? systemCodeOf(thrown);
    if (code === undefined) throw thrown;
    throw new OperatorError(CANNOT, hintFor(code, directory, messageOf(thrown)), { cause: thrown });
  }
}

/** Only what the system call answered: an ERR_ of Node's own is a bug of ours. */
function systemCodeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && "syscall" in thrown ? errnoOf(thrown) : undefined;
}

function hintFor(code: string, directory: string, message: string): string {
  if (code === "ENOSPC" || code === "EDQUOT" || code === "SQLITE_FULL") return `free space for ${directory}`;
  if (code === "EROFS" || code === "SQLITE_READONLY")
    return `${directory} is read-only: give --state a writable folder`;
  if (code === "EACCES" || code === "EPERM")
    return `${directory} belongs to another user, or give --state another folder`;
  return `look at ${directory}: ${message}`;
}
