import {
  appendFileSync,
  closeSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { errnoOf, messageOf, OperatorError } from "../base/errors.ts";
import { syncDirectory, unlinkIfThere, writeAll, writeDurably } from "../base/files.ts";
import type { LatchState } from "./stop.ts";

/**
 * The kill latch: the file `<state>/KILL`. While it is there nothing starts, and what runs ends. Setting it needs no
 * server, no lock and no free block; only a person's `rearm` takes it away. Whatever keeps us from seeing that it is not
 * there (no right to look, a broken disk, a state directory that vanished) counts as set.
 */

/** Who pulled it, or put it back, and why: for people. Cut at 100 and 500 characters. */
export type Words = { who: string; why: string };

type SetState = Extract<LatchState, { status: "set" }>;

export function readLatch(stateDir: string): LatchState {
  const path = latchPath(stateDir);
  try {
    // Looked at before every request: an error for each time that all is well would be most of what it costs.
    const entry = lstatSync(path, { throwIfNoEntry: false });
    if (entry === undefined) return readAbsence(stateDir);
    // Opening a FIFO would hang and a link may lead nowhere: that it is there is enough.
    if (!entry.isFile())
      return { ...UNREADABLE, why: "the latch is there, and is no file", at: entry.mtime.toISOString() };
    return parse(readFileSync(path, "utf8")) ?? { ...UNREADABLE, at: entry.mtime.toISOString() };
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return readAbsence(stateDir);
    return { ...UNREADABLE, why: `the latch cannot be looked at: ${messageOf(thrown)}` };
  }
}

/**
 * Sets it and returns what now stands there: the first one's words, however many call. Where the disk is full it takes the
 * block kept by `reserveLatch`, and failing that puts an empty file there, which counts as set and has lost its words. Throws
 * OperatorError when none of it can be done (a read-only disk).
 */
export function setLatch(stateDir: string, words: Words, clock: Clock): SetState {
  const state: SetState = {
    status: "set",
    who: words.who.slice(0, 100),
    why: words.why.slice(0, 500),
    at: clock.now().toISOString(),
  };
  const failures: string[] = [];
  for (const put of [putWithWords, putReserve, putEmpty]) {
    const before = readLatch(stateDir);
    if (before.status === "set") return before;
    try {
      put(stateDir, state);
    } catch (thrown) {
      // Somebody was quicker: theirs stands.
      if (errnoOf(thrown) !== "EEXIST") failures.push(messageOf(thrown));
    }
  }
  const after = readLatch(stateDir);
  if (after.status === "set") return after;
  throw new OperatorError(
    `the kill latch cannot be set in ${stateDir}: ${failures.join("; ")}`,
    "end the weakdoor process itself with SIGTERM: its watchdog destroys the sandboxes",
  );
}

/**
 * A person puts the latch back. What was cleared, by whom and why is first written to `<state>/latch.jsonl`: if that cannot be
 * written, nothing is cleared. Returns what stood there before.
 */
export function rearm(stateDir: string, words: Words, clock: Clock): LatchState {
  const before = readLatch(stateDir);
  if (before.status === "clear") return before;
  const history = join(stateDir, "latch.jsonl");
  appendFileSync(history, `${JSON.stringify({ cleared: before, ...words, at: clock.now().toISOString() })}\n`, {
    mode: 0o600,
    flush: true,
  });
  rmSync(latchPath(stateDir), { recursive: true, force: true });
  syncDirectory(stateDir);
  reserveLatch(stateDir);
  return before;
}

/** Keeps a file with a block of its own beside the latch, so that setting it on a full disk is a rename. Idempotent. */
export function reserveLatch(stateDir: string): void {
  writeDurably(reservePath(stateDir), Buffer.alloc(RESERVE_BYTES, " "));
}

export function latchPath(stateDir: string): string {
  return join(stateDir, "KILL");
}

const reservePath = (stateDir: string): string => join(stateDir, "KILL.reserve");

/** One block. Holds the longest words even when each character of them is escaped. */
const RESERVE_BYTES = 4096;

const UNREADABLE: SetState = {
  status: "set",
  who: "unknown",
  why: "the latch is there but holds no readable words",
  at: "unknown",
};

/** Written whole beside it and then linked to its name, which only the first can do; nobody ever sees half a latch. */
function putWithWords(stateDir: string, state: SetState): void {
  const draft = join(stateDir, `.KILL.${process.pid}.tmp`);
  try {
    writeSynced(draft, "w", encode(state));
    linkSync(draft, latchPath(stateDir));
  } finally {
    unlinkIfThere(draft);
  }
  syncDirectory(stateDir);
}

/** The reserve has its block and its inode already, and a rename needs neither. There is one reserve, so one winner. */
function putReserve(stateDir: string, state: SetState): void {
  writeSynced(reservePath(stateDir), "r+", encode(state));
  renameSync(reservePath(stateDir), latchPath(stateDir));
  syncDirectory(stateDir);
}

function putEmpty(stateDir: string): void {
  writeSynced(latchPath(stateDir), "wx", new Uint8Array());
  syncDirectory(stateDir);
}

function writeSynced(path: string, flags: "w" | "wx" | "r+", bytes: Uint8Array): void {
  const fd = openSync(path, flags, 0o600);
  try {
    writeAll(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function encode(state: SetState): Buffer {
  const { who, why, at } = state;
  const bytes = Buffer.alloc(RESERVE_BYTES, " ");
  bytes.write(`${JSON.stringify({ who, why, at })}\n`);
  return bytes;
}

function parse(text: string): SetState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { who, why, at } = value as Record<string, unknown>;
  if (typeof who !== "string" || typeof why !== "string" || typeof at !== "string") return undefined;
  return { status: "set", who, why, at };
}

/** There is no latch; but if its directory is not there either, we looked at nothing. */
function readAbsence(stateDir: string): LatchState {
  try {
    if (statSync(stateDir).isDirectory()) return { status: "clear" };
    return { ...UNREADABLE, why: `${stateDir} is no directory` };
  } catch (thrown) {
    return { ...UNREADABLE, why: `the state directory cannot be looked at: ${messageOf(thrown)}` };
  }
}
