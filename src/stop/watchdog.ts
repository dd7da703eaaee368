import { parseArgs } from "node:util";
import { messageOf } from "../base/errors.ts";
import { writeDurably } from "../base/files.ts";
import { type Destruction, type Doomed, destroyAll } from "./destroyAll.ts";
import { heartbeatAge } from "./heartbeat.ts";
import { openEntries, openGateways, readJournal } from "./journal.ts";
import { type Leases, leaseWatch } from "./leases.ts";
import { isAlive } from "./processes.ts";
import { watchdogReportPath } from "./runFiles.ts";
import type { JournalEntry, ProcessId } from "./stop.ts";
import { watchLatch } from "./watchLatch.ts";

/**
 * The watchdog: a process of its own beside each cycle, built on Node alone, without keys. When the latch is set, the
 * owner dies, the owner's heartbeat goes stale, or a lease runs out while it beats, it cuts egress and kills every sandbox of the journal without asking
 * anybody; then it writes `<state>/run/watchdog.json` and ends. It ends quietly when the owner says that it is done.
 */

/** What the owner says over the IPC channel; and what it hears. Each ping is answered with its own number. */
export type ToWatchdog = "done" | { ping: number };
export type FromWatchdog =
  | { status: "ready" }
  | { status: "pong"; ping: number }
  | { status: "acting"; cause: string };

/** `<state>/run/watchdog.json`: what it did, for the next start and for people. */
export type WatchdogReport = Destruction & {
  cycle: string;
  cause: string;
  startedAt: string;
  durationMs: number;
  /** Null, or why the journal could not be read at the end; then it killed by what it had read before. */
  journalError: string | null;
};

type Watched = { stateDir: string; cycle: string; owner: ProcessId; staleMs: number; leases: Leases };

const TICK_MS = 50;

await main();

async function main(): Promise<void> {
  const watched = readArguments();
  const journal = rememberingJournal(watched.stateDir);
  const cause = await firstCause(watched, journal);
  if (cause === undefined) return;
  const startedAt = new Date();
  tell({ status: "acting", cause });
  const destruction = await destroyAll(() => ({ cycle: watched.cycle, ...journal.read() }));
  const durationMs = Date.now() - startedAt.getTime();
  const report: WatchdogReport = {
    cycle: watched.cycle,
    cause,
    startedAt: startedAt.toISOString(),
    durationMs,
    journalError: journal.error(),
    ...destruction,
  };
  writeDurably(watchdogReportPath(watched.stateDir), `${JSON.stringify(report, null, 2)}\n`);
  if (process.connected) process.disconnect();
}

/** Waits for a cause to act; undefined when the owner says that it is done. */
function firstCause(watched: Watched, journal: RememberingJournal): Promise<string | undefined> {
  const { stateDir, cycle, owner, staleMs } = watched;
  return new Promise((resolve) => {
    const age = heartbeatAge(stateDir);
    const ranOut = leaseWatch(cycle, watched.leases);
    const settle = (cause: string | undefined): void => {
      clearInterval(timer);
      latch[Symbol.dispose]();
      if (cause === undefined && process.connected) process.disconnect();
      resolve(cause);
    };
    const look = (): void => {
      // Read while it can be: the state directory may be gone by the time it is needed.
      const lease = ranOut(journal.read().entries);
      if (!isAlive(owner)) settle(`the owner, pid ${owner.pid}, is dead`);
      else if (age() > staleMs) settle(`the owner, pid ${owner.pid}, has been silent for over ${staleMs} ms`);
      else if (lease !== undefined) settle(`the owner, pid ${owner.pid}, lives but is stuck: ${lease}`);
    };
    const timer = setInterval(look, TICK_MS);
    const latch = watchLatch(stateDir, ({ who, why }) => settle(`the latch is set: ${why} (${who})`));
    process.on("message", (message: ToWatchdog) => {
      if (message === "done") settle(undefined);
      else tell({ status: "pong", ping: message.ping });
    });
    process.on("disconnect", look);
    process.on("SIGTERM", () => settle("told by SIGTERM"));
    // A terminal that closes, or its Ctrl-C, is meant for the owner.
    for (const ignored of ["SIGHUP", "SIGINT"] as const) process.on(ignored, () => undefined);
    tell({ status: "ready" });
  });
}

type RememberingJournal = {
  read(): Pick<Doomed, "gateways" | "open"> & { entries: JournalEntry[] };
  error(): string | null;
};

/** The journal as last read: a state directory that breaks or vanishes is itself a reason to act, and must not blind us. */
function rememberingJournal(stateDir: string): RememberingJournal {
  let entries: JournalEntry[] = [];
  let error: string | null = null;
  return {
    read() {
      try {
        const now = readJournal(stateDir).entries;
        // A journal that is suddenly empty was taken away: the owner only ever appends.
        if (now.length > 0) entries = now;
        error = null;
      } catch (thrown) {
        error = messageOf(thrown);
      }
      return { entries, gateways: openGateways(entries), open: openEntries(entries) };
    },
    error: () => error,
  };
}

/** Whether the owner still hears us does not matter: it may be dead, which is why we act. */
function tell(message: FromWatchdog): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

function readArguments(): Watched {
  const names = ["state", "cycle", "owner-pid", "owner-start", "stale-ms", "cycle-ms", "step-ms", "create-grace-ms"];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  const { values } = parseArgs({ options });
  const text = (name: string): string => {
    const value = values[name];
    if (typeof value !== "string")
      throw new Error("the watchdog is started by startWatchdog, with all its arguments");
    return value;
  };
  return {
    stateDir: text("state"),
    cycle: text("cycle"),
    owner: { pid: Number(text("owner-pid")), startTime: text("owner-start") },
    staleMs: Number(text("stale-ms")),
    leases: {
      cycleMs: Number(text("cycle-ms")),
      stepMs: Number(text("step-ms")),
      createGraceMs: Number(text("create-grace-ms")),
    },
  };
}
