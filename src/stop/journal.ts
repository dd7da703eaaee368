import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { syncDirectory, writeAll, writeDurably } from "../base/files.ts";
import { isAlive } from "./processes.ts";
import type { JournalEntry, JournalHints, ProcessId } from "./stop.ts";

/**
 * The journal, `<state>/journal.jsonl`: what is going to be made is written down, and on the disk, before it is made, so that
 * whoever comes after a crash knows what to look for. Only ever appended to while a cycle runs.
 */

/** A sandbox that may exist: intended or born, and not yet shown to be destroyed. One that ended `unverified` stays open. */
export type OpenEntry = {
  cycle: string;
  name: string;
  driver: string;
  isBorn: boolean;
  /** ISO 8601: until then a create may still be under way. Past for one that was born. */
  deadline: string;
  processes: ProcessId[];
  hints: JournalHints;
  /** ISO 8601: when it was first ended, of one that could not be shown to be gone. */
  aliveUntil?: string;
};

export type Journal = {
  entries: JournalEntry[];
  /** Lines that are no entry. A torn last line was never acknowledged, so nothing was made on its account. */
  unreadableLines: number;
};

/** On the disk when this returns. Throws when it cannot be: then nothing may be made. */
export function appendEntry(stateDir: string, entry: JournalEntry): void {
  const fd = openSync(journalPath(stateDir), "a+", 0o600);
  try {
    const { size } = fstatSync(fd);
    // A line that a crash or a full disk tore must not swallow this one.
    const separator = size > 0 && lastByte(fd, size) !== NEWLINE ? "\n" : "";
    writeAll(fd, Buffer.from(`${separator}${JSON.stringify(entry)}\n`));
    fsyncSync(fd);
    if (size === 0) syncDirectory(stateDir);
  } finally {
    closeSync(fd);
  }
}

/** A journal that is not there is empty; one that cannot be read throws. */
export function readJournal(stateDir: string): Journal {
  const journal: Journal = { entries: [], unreadableLines: 0 };
  for (const line of readText(journalPath(stateDir)).split("\n")) {
    if (line === "") continue;
    const entry = parse(line);
    if (entry === undefined) journal.unreadableLines++;
    else journal.entries.push(entry);
  }
  return journal;
}

/** In the order in which they were intended. */
export function openEntries(entries: readonly JournalEntry[]): OpenEntry[] {
  const open = new Map<string, OpenEntry>();
  for (const entry of entries) {
    if (entry.kind === "gateway" || entry.kind === "step") continue;
    if (entry.kind === "forgotten") {
      open.delete(entry.name);
      continue;
    }
    if (entry.kind === "dead") {
      const known = open.get(entry.name);
      if (entry.certificate === "destroyed") open.delete(entry.name);
      else if (known !== undefined)
        open.set(entry.name, { ...known, aliveUntil: known.aliveUntil ?? entry.aliveUntil ?? entry.at });
      continue;
    }
    const { cycle, name, driver, hints } = entry;
    const known = { cycle, name, driver, hints: { ...open.get(name)?.hints, ...hints } };
    if (entry.kind === "intent") open.set(name, { ...known, isBorn: false, deadline: entry.deadline, processes: [] });
    else open.set(name, { ...known, isBorn: true, deadline: entry.at, processes: entry.processes });
  }
  return [...open.values()];
}

/** Gateways that were started and still run. */
export function openGateways(entries: readonly JournalEntry[]): ProcessId[] {
  return entries.flatMap((entry) => (entry.kind === "gateway" && isAlive(entry.process) ? [entry.process] : []));
}

/**
 * Drops what is over: entries of sandboxes shown to be destroyed and of gateways that ended. Only for the one owner of the state
 * directory, before its cycle: an entry appended by somebody else at this moment would be lost.
 */
export function compactJournal(stateDir: string): void {
  const { entries } = readJournal(stateDir);
  if (entries.length === 0) return;
  const names = new Set(openEntries(entries).map((entry) => entry.name));
  const kept = entries.filter((entry) => {
    if (entry.kind === "step") return false;
    return entry.kind === "gateway" ? isAlive(entry.process) : names.has(entry.name);
  });
  writeDurably(journalPath(stateDir), kept.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
}

export function journalPath(stateDir: string): string {
  return join(stateDir, "journal.jsonl");
}

const NEWLINE = 0x0a;

function lastByte(fd: number, size: number): number | undefined {
  const byte = Buffer.alloc(1);
  return readSync(fd, byte, 0, 1, size - 1) === 1 ? byte[0] : undefined;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return "";
    throw thrown;
  }
}

/** Checked by hand because the watchdog, which reads this too, is built on Node alone. */
function parse(line: string): JournalEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const entry = value as Record<string, unknown>;
  const isWhole = SHAPES[String(entry["kind"])]?.every(([key, isRight]) => isRight(entry[key])) ?? false;
  return isWhole ? (value as JournalEntry) : undefined;
}

type Test = (value: unknown) => boolean;
const isString: Test = (value) => typeof value === "string";
const isStrings: Test = (value) => value === undefined || (Array.isArray(value) && value.every(isString));
const isProcess: Test = (value) => {
  const { pid, startTime } = (value ?? {}) as Partial<ProcessId>;
  return Number.isInteger(pid) && isString(startTime);
};
const isHints: Test = (value) => {
  if (typeof value !== "object" || value === null) return false;
  const { cgroups, commandLine, engineSocket, netns, leaseEndsWithinMs } = value as Record<string, unknown>;
  const isTextOrAbsent: Test = (hint) => hint === undefined || isString(hint);
  const isLease = leaseEndsWithinMs === undefined || typeof leaseEndsWithinMs === "number";
  return [cgroups, netns].every(isStrings) && [commandLine, engineSocket].every(isTextOrAbsent) && isLease;
};

const NAMED: [string, Test][] = [
  ["cycle", isString],
  ["name", isString],
  ["at", isString],
];
const SHAPES: Record<string, [string, Test][]> = {
  gateway: [
    ["cycle", isString],
    ["at", isString],
    ["process", isProcess],
  ],
  step: [
    ["cycle", isString],
    ["at", isString],
    ["step", isString],
  ],
  intent: [...NAMED, ["driver", isString], ["hints", isHints], ["deadline", isString]],
  born: [
    ...NAMED,
    ["driver", isString],
    ["hints", isHints],
    ["processes", (value) => Array.isArray(value) && value.every(isProcess)],
  ],
  forgotten: NAMED,
  dead: [
    ...NAMED,
    ["certificate", (value) => value === "destroyed" || value === "unverified"],
    ["aliveUntil", (value) => value === undefined || isString(value)],
  ],
};
