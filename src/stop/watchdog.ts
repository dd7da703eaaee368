import { parseArgs } from "node:util";
import { messageOf } from "../base/errors.ts";
import { writeDurably } from "../base/files.ts";
import { type Destruction, type Doomed, destroyAll } from "./destroyAll.ts";
import { heartbeatAge } from "./heartbeat.ts";
import { openEntries, openGateways, readJournal } from "./journal.ts";
import { isAlive } from "./processes.ts";
import { watchdogReportPath } from "./runFiles.ts";
import type { JournalEntry, ProcessId } from "./stop.ts";
import { watchLatch } from "./watchLatch.ts";

/**
 * The watchdog: a process of its own beside each cycle, built on Node alone, without keys. When the latch is set, the
 * owner dies, or the owner's heartbeat goes stale, it cuts egress and kills every sandbox of the journal without asking
 * anybody; then it writes `<state>/run/watchdog.json` and ends. It ends quietly when the owner says that it is done.
 */

/** What the owner says over the IPC channel; and what it hears. */
export type ToWatchdog = "done";
export type FromWatchdog = { status: "ready" } | { status: "acting"; cause: string };

/** `<state>/run/watchdog.json`: what it did, for the next start and for people. */
export type WatchdogReport = Destruction & {
  cycle: string;
  cause: string;
  startedAt: string;
  durationMs: number;
  /** Null, or why the journal could not be read at the end; then it killed by what it had read before. */
  journalError: string | null;
};

type Watched = { stateDir: string; cycle: string; owner: ProcessId; staleMs: number };

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
function firstCause({ stateDir, owner, staleMs }: Watched, journal: RememberingJournal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const age = heartbeatAge(stateDir);
    const settle = (cause: string | undefined): void => {
      clearInterval(timer);
      latch[Symbol.dispose]();
      if (cause === undefined && process.connected) process.disconnect();
      resolve(cause);
    };
    const look = (): void => {
      // Read while it can be: the state directory may be gone by the time it is needed.
      journal.read();
      if (!isAlive(owner)) settle(`the owner, pid ${owner.pid}, is dead`);
      else if (age() > staleMs) settle(`the owner, pid ${owner.pid}, has been silent for over ${staleMs} ms`);
    };
    const timer = setInterval(look, TICK_MS);
    const latch = watchLatch(stateDir, ({ who, why }) => settle(`the latch is set: ${why} (${who})`));
    process.on("message", (message: ToWatchdog) => message === "done" && settle(undefined));
    process.on("disconnect", look);
    process.on("SIGTERM", () => settle("told by SIGTERM"));
    // A terminal that closes, or its Ctrl-C, is meant for the owner.
    for (const ignored of ["SIGHUP", "SIGINT"] as const) process.on(ignored, () => undefined);
    tell({ status: "ready" });
  });
}

type RememberingJournal = { read(): Pick<Doomed, "gateways" | "open">; error(): string | null };

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
      return { gateways: openGateways(entries), open: openEntries(entries) };
    },
    error: () => error,
  };
}

/** Whether the owner still hears us does not matter: it may be dead, which is why we act. */
function tell(message: FromWatchdog): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

function readArguments(): Watched {
  const { values } = parseArgs({
    options: {
      state: { type: "string" },
      cycle: { type: "string" },
      "owner-pid": { type: "string" },
      "owner-start": { type: "string" },
      "stale-ms": { type: "string" },
    },
  });
  const { state, cycle, "owner-pid": pid, "owner-start": startTime, "stale-ms": staleMs } = values;
  if (
    state === undefined ||
    cycle === undefined ||
    pid === undefined ||
    startTime === undefined ||
    staleMs === undefined
  )
    throw new Error("the watchdog is started by startWatchdog, with all its arguments");
  return { stateDir: state, cycle, owner: { pid: Number(pid), startTime }, staleMs: Number(staleMs) };
}
