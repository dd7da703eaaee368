import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { messageOf, OperatorError, Stopped } from "../base/errors.ts";
import { TOOL_PATH } from "../base/exec.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { appendEntry, compactJournal } from "./journal.ts";
import { readLatch, reserveLatch } from "./latch.ts";
import { LEASES, type Leases } from "./leases.ts";
import { pings } from "./pings.ts";
import { findProcesses, isAlive, killProcess, type Process, processId } from "./processes.ts";
import { watchdogLogPath } from "./runFiles.ts";
import type { ProcessId } from "./stop.ts";
import type { FromWatchdog, ToWatchdog } from "./watchdog.ts";

/** The owner's hold on its watchdog. Disposing of it is `done`. */
export type Watchdog = AsyncDisposable & {
  readonly process: ProcessId;
  /** Asked before and after each create: without a watchdog that answers, nothing is made. One that is stopped exists and does not. */
  isAlive(): Promise<boolean>;
  /** Writes into the journal that the cycle goes on, which renews its lease. Throws when it cannot be written. */
  step(name: string): void;
  /** Resolves, with the reason, when it acts or ends without being told: the owner then aborts. Never settles after `done`. */
  readonly died: Promise<string>;
  /** Sends it home, once every sandbox has its certificate. Resolves when it has ended. Idempotent. */
  done(): Promise<void>;
};

export type WatchdogOptions = {
  stateDir: string;
  cycle: string;
  /** How long the owner may be silent. */
  staleMs?: number;
  heartbeatMs?: number;
  leases?: Partial<Leases>;
  /** How long it may take to answer. */
  answerMs?: number;
};

const READY_MS = 5_000;
const STALE_MS = 5_000;
const ANSWER_MS = 2_000;
/** How long it may take to go home, or to finish what it does, before it is ended. */
const FAREWELL_MS = 10_000;
/** Its name in the process table, so that others can tell which cycles are alive. */
const TITLE = "weakdoor-watchdog";

/**
 * Makes this process the owner of the state directory for one cycle: beats its heart, starts the watchdog, and resolves when
 * that has said that it watches. Throws OperatorError when another owner is there or the watchdog does not come up, and
 * Stopped when the latch is set.
 */
export async function startWatchdog(options: WatchdogOptions): Promise<Watchdog> {
  const stateDir = resolve(options.stateDir);
  mkdirSync(join(stateDir, "run"), { recursive: true, mode: 0o700 });
  const latch = readLatch(stateDir);
  if (latch.status === "set") throw new Stopped(`${latch.why} (${latch.who})`);
  refuseSecondOwner(stateDir);
  reserveLatch(stateDir);
  compactJournal(stateDir);
  const silence = Promise.withResolvers<string>();
  const heartbeat = startHeartbeat(
    stateDir,
    (error) => silence.resolve(`the heartbeat cannot be written: ${messageOf(error)}`),
    options.heartbeatMs,
  );
  try {
    const child = spawnWatchdog(stateDir, options);
    return await hold(child, heartbeat, silence.promise, { ...options, stateDir });
  } catch (thrown) {
    heartbeat[Symbol.dispose]();
    throw thrown;
  }
}

/** The cycles that some living owner on this machine, with whatever state directory, has a watchdog for. */
export function liveCycles(): Set<string> {
  return new Set(watchdogs().map(({ commandLine }) => / --cycle (\S+)/.exec(commandLine)?.[1] ?? ""));
}

/** The one that watches over this state directory, whoever its owner is. Undefined when none does. */
export function watchdogOf(stateDir: string): Process | undefined {
  return watchdogs().find((p) => p.commandLine.endsWith(` --state ${resolve(stateDir)}`));
}

function watchdogs(): Process[] {
  return findProcesses((p) => p.commandLine.startsWith(`${TITLE} `));
}

function refuseSecondOwner(stateDir: string): void {
  const other = watchdogOf(stateDir);
  if (other === undefined) return;
  throw new OperatorError(
    `another cycle has the state directory ${stateDir} (its watchdog is pid ${other.pid})`,
    "wait for it to end, or stop it with weakdoor kill --reason TEXT",
  );
}

function spawnWatchdog(stateDir: string, { cycle, staleMs = STALE_MS, leases }: WatchdogOptions): ChildProcess {
  const owner = processId(process.pid);
  if (owner === undefined)
    throw new OperatorError("/proc does not show this process", "mount /proc: the watchdog needs it");
  const program = join(import.meta.dirname, `watchdog${extname(import.meta.filename)}`);
  const { cycleMs, stepMs, createGraceMs } = { ...LEASES, ...leases };
  const numbers = {
    "owner-pid": owner.pid,
    "stale-ms": staleMs,
    "cycle-ms": cycleMs,
    "step-ms": stepMs,
    "create-grace-ms": createGraceMs,
  };
  const argv = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const log = openSync(watchdogLogPath(stateDir), "a", 0o600);
  try {
    const named = ["--cycle", cycle, "--owner-start", owner.startTime, "--state", stateDir];
    return spawn(process.execPath, [program, ...argv, ...named], {
      argv0: TITLE,
      // A session of its own, so that it outlives the owner and the owner's terminal.
      detached: true,
      cwd: "/",
      env: { PATH: TOOL_PATH },
      stdio: ["ignore", "ignore", log, "ipc"],
    });
  } finally {
    closeSync(log);
  }
}

type Own = Pick<WatchdogOptions, "stateDir" | "cycle" | "answerMs">;

async function hold(
  child: ChildProcess,
  heartbeat: Disposable,
  silence: Promise<string>,
  { stateDir, cycle, answerMs = ANSWER_MS }: Own,
): Promise<Watchdog> {
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const id = await readiness(child, exited);
  const acting = Promise.withResolvers<string>();
  let isActing = false;
  child.on("message", (message: FromWatchdog) => {
    if (message.status !== "acting") return;
    isActing = true;
    acting.resolve(`the watchdog acts: ${message.cause}`);
  });
  const pinging = pings(child, answerMs);
  // Neither it nor its channel keeps the owner from ending.
  child.unref();
  child.channel?.unref();
  const died = Promise.withResolvers<string>();
  let isDone = false;
  void Promise.race([acting.promise, silence, pinging.mute, exited.then(() => "the watchdog died")]).then(
    (reason) => {
      if (!isDone) died.resolve(reason);
    },
  );
  const done = async (): Promise<void> => {
    isDone = true;
    pinging.stop();
    heartbeat[Symbol.dispose]();
    child.ref();
    if (child.connected) child.send("done" satisfies ToWatchdog, () => undefined);
    const farewell = AbortSignal.timeout(FAREWELL_MS);
    farewell.addEventListener("abort", () => killProcess(id), { once: true });
    await exited;
  };
  return {
    process: id,
    isAlive: async () => !isDone && isAlive(id) && (await pinging.ask()) && !isActing,
    step: (name) => appendEntry(stateDir, { kind: "step", cycle, step: name, at: new Date().toISOString() }),
    died: died.promise,
    done,
    [Symbol.asyncDispose]: done,
  };
}

/** Its process id, once it has said that it watches. */
async function readiness(child: ChildProcess, exited: Promise<void>): Promise<ProcessId> {
  const failed = new Promise<string>((resolve) => child.once("error", (error) => resolve(error.message)));
  const ready = new Promise<string>((resolve) => child.once("message", () => resolve("ready")));
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve(`it was not ready within ${READY_MS} ms`), READY_MS);
  const outcome = await Promise.race([ready, failed, late.promise, exited.then(() => "it ended at once")]);
  clearTimeout(timer);
  const id = child.pid === undefined ? undefined : processId(child.pid);
  if (outcome === "ready" && id !== undefined) return id;
  child.kill("SIGKILL");
  throw new OperatorError(
    `the watchdog did not start: ${outcome}`,
    "see run/watchdog.log in the state directory; nothing runs without a watchdog",
  );
}
