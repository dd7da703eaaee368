import {
  appendFileSync,
  closeSync,
  fsyncSync,
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
import { syncDirectory, writeAll, writeDurably } from "../base/files.ts";
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
    const entry = lstatSync(path);
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
 * Sets it and returns what now stands there: the first one's words, however many call. On a full disk it takes the
 * block kept by `reserveLatch`. Throws OperatorError when no latch can be put there at all (a read-only disk).
 */
export function setLatch(stateDir: string, words: Words, clock: Clock): SetState {
  const state: SetState = {
    status: "set",
    who: words.who.slice(0, 100),
    why: words.why.slice(0, 500),
    at: clock.now().toISOString(),
  };
  try {
    create(latchPath(stateDir), state);
  } catch (thrown) {
    if (errnoOf(thrown) !== "EEXIST") spendReserve(stateDir, state, thrown);
  }
  const now = readLatch(stateDir);
  if (now.status === "clear") throw new Error(`the latch in ${stateDir} was taken away while it was being set`);
  return now;
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

function create(path: string, state: SetState): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    writeAll(fd, encode(state));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  syncDirectory(join(path, ".."));
}

/** Renaming needs no inode and no block. If creating got as far as an empty file, that counts as set already and gains its words here. */
function spendReserve(stateDir: string, state: SetState, cause: unknown): void {
  try {
    const fd = openSync(reservePath(stateDir), "r+");
    try {
      writeAll(fd, encode(state));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(reservePath(stateDir), latchPath(stateDir));
    syncDirectory(stateDir);
  } catch (thrown) {
    if (readLatch(stateDir).status === "set") return;
    throw new OperatorError(
      `the kill latch cannot be set in ${stateDir}: ${messageOf(cause)}, then ${messageOf(thrown)}`,
      "end the weakdoor process itself with SIGTERM: its watchdog destroys the sandboxes",
      { cause },
    );
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
