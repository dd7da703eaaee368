import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  appendEntry,
  compactJournal,
  journalPath,
  openEntries,
  openGateways,
  readJournal,
} from "../../src/stop/journal.ts";
import { processId } from "../../src/stop/processes.ts";
import type { JournalEntry } from "../../src/stop/stop.ts";

let state: string;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "weakdoor-journal-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const at = "2026-01-01T00:00:00.000Z";
const intent = (name: string): JournalEntry => ({
  kind: "intent",
  cycle: "c1",
  name,
  driver: "fake",
  hints: { engineSocket: "/run/engine.sock" },
  at,
  deadline: "2026-01-01T00:00:20.000Z",
});
const born = (name: string): JournalEntry => ({
  kind: "born",
  cycle: "c1",
  name,
  driver: "fake",
  processes: [{ pid: 7, startTime: "8" }],
  hints: { commandLine: "abc" },
  at,
});
const dead = (name: string, certificate: "destroyed" | "unverified"): JournalEntry => ({
  kind: "dead",
  cycle: "c1",
  name,
  certificate,
  at,
});

test("what was appended is read back in order", () => {
  const entries = [intent("a"), born("a"), dead("a", "destroyed")];
  for (const entry of entries) appendEntry(state, entry);
  expect(readJournal(state)).toEqual({ entries, unreadableLines: 0 });
});

test("a journal that is not there is empty; one that cannot be read is an error", () => {
  expect(readJournal(state)).toEqual({ entries: [], unreadableLines: 0 });
  writeFileSync(journalPath(state), "");
  expect(() => readJournal(journalPath(state))).toThrow("ENOTDIR");
});

test("a sandbox is open from its intent until it is shown to be destroyed", () => {
  expect(openEntries([intent("a")])).toMatchObject([
    { name: "a", isBorn: false, deadline: "2026-01-01T00:00:20.000Z" },
  ]);
  expect(openEntries([intent("a"), born("a")])).toMatchObject([
    { isBorn: true, processes: [{ pid: 7 }], hints: { engineSocket: "/run/engine.sock", commandLine: "abc" } },
  ]);
  const since = { ...dead("a", "unverified"), aliveUntil: "2026-01-01T00:00:07.000Z" } as JournalEntry;
  expect(openEntries([intent("a"), born("a"), since, dead("a", "unverified")])).toMatchObject([
    { aliveUntil: "2026-01-01T00:00:07.000Z" },
  ]);
  expect(openEntries([intent("a"), born("a"), { kind: "forgotten", cycle: "c1", name: "a", at }])).toEqual([]);
  expect(openEntries([intent("a"), born("a"), dead("a", "destroyed")])).toEqual([]);
});

test("a torn last line hides neither what stood before it nor what comes after", () => {
  appendEntry(state, intent("a"));
  appendEntry(state, intent("b"));
  const whole = readFileSync(journalPath(state)).length;
  for (const cut of [1, 2, 40]) {
    truncateSync(journalPath(state), whole - cut);
    const names = openEntries(readJournal(state).entries).map((entry) => entry.name);
    // Without its newline alone the line is whole.
    expect(names).toEqual(cut === 1 ? ["a", "b"] : ["a"]);
  }
  appendEntry(state, intent("c"));
  const journal = readJournal(state);
  expect(openEntries(journal.entries).map((entry) => entry.name)).toEqual(["a", "c"]);
  expect(journal.unreadableLines).toBe(1);
});

test.each(["null", "7", '{"kind":"intent"}', '{"kind":"other","cycle":"c","name":"n","at":"t"}', "{"])(
  "the line %s is counted, not trusted",
  (line) => {
    appendFileSync(journalPath(state), `${line}\n`);
    appendEntry(state, intent("a"));
    expect(readJournal(state)).toMatchObject({ unreadableLines: 1, entries: [{ name: "a" }] });
  },
);

test("compacting keeps what is open and what lives, and drops the rest", () => {
  const self = processId(process.pid);
  if (self === undefined) throw new Error("not there");
  const gateway = (process: typeof self): JournalEntry => ({ kind: "gateway", cycle: "c1", process, at });
  for (const entry of [gateway(self), gateway({ pid: self.pid, startTime: "1" })]) appendEntry(state, entry);
  for (let n = 0; n < 50; n++) for (const entry of [intent(`s${n}`), born(`s${n}`)]) appendEntry(state, entry);
  for (let n = 1; n < 50; n++) appendEntry(state, dead(`s${n}`, "destroyed"));
  compactJournal(state);
  const { entries } = readJournal(state);
  expect(entries).toEqual([gateway(self), intent("s0"), born("s0")]);
  expect(openGateways(entries)).toEqual([self]);
});
