import { userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../base/clock.ts";
import { messageOf, OperatorError } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import type { Certificate } from "../sandbox/certificate.ts";
import { destroyAll } from "../stop/destroyAll.ts";
import { openEntries, openGateways, readJournal } from "../stop/journal.ts";
import { setLatch } from "../stop/latch.ts";
import { isStopped } from "../stop/processes.ts";
import { type Living, livingIn, namesOf } from "./living.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, type Io, text, type Verb, type VerbInput } from "./verb.ts";

/** How long those who watch the latch, the cycle and its watchdog, are left alone with the killing; and how long when none is awake. */
const GRACE_MS = { watched: 5_000, unwatched: 500 };
const PAUSE_MS = 1_000;
/** Longer than a create may take: what was being made as the latch came must have come to its end. */
const WAIT_MS = 25_000;
const LOOK_MS = 25;
/** How long the killing by the journal goes on before the backends are asked as well. */
const ROUTE_MS = 2_000;

/**
 * Sets the latch, then looks until nothing of ours lives. Whoever watches the latch kills; when that does not do, because
 * nobody does or all of them hang, this process does. What is needed only after the latch is loaded after it: packages that
 * take long to read, or cannot be, must not delay it.
 */
export const verb: Verb = {
  name: "kill",
  summary: "stop everything now: sets the latch, waits until nothing of ours lives",
  usage: "kill --reason TEXT [--state DIR]",
  options: { ...STATE_OPTIONS, reason: { type: "string" } },
  async run({ values, cwd, io, signal }) {
    const reason = text(values, "reason")?.trim() ?? "";
    if (reason === "") throw new OperatorError("kill needs a reason", "say why: weakdoor kill --reason TEXT");
    const stateDir = requireState(values, cwd);
    const startedMs = performance.now();
    const who = userInfo().username;
    const refusal = pull(stateDir, who, reason, io);
    const configured = whatIsConfigured(() => loadedConfig(values, cwd), io);
    const swept = await untilGone({ stateDir, configured }, startedMs, signal).catch((error: unknown) => {
      if (!(error instanceof OperatorError) || refusal === undefined) throw error;
      throw new OperatorError(`${error.message}; and ${refusal.message}`, refusal.hint, { cause: error });
    });
    const { owner, watchdog } = livingIn(stateDir);
    io.out(`nothing of ours lives, after ${Math.round(performance.now() - startedMs)} ms`);
    if (refusal !== undefined)
      throw new OperatorError(`nothing of ours lives, but ${refusal.message}`, refusal.hint, { cause: refusal });
    for (const [what, one] of [["the cycle itself", owner] as const, ["its watchdog", watchdog] as const])
      if (one !== undefined) io.out(`${what}, pid ${one.pid}, has yet to end`);
    await writeDown(stateDir, { who, reason, swept }, io);
    io.out("weakdoor rearm --reason TEXT lets cycles run again");
    return EXIT.nothingNew;
  },
};

/** Where the latch cannot be set (a read-only disk) the killing goes on all the same; what is returned is thrown at the end. */
function pull(stateDir: string, who: string, reason: string, io: Io): OperatorError | undefined {
  try {
    const state = setLatch(stateDir, { who, why: reason }, systemClock);
    io.out(state.why === reason ? "latch set" : `the latch was set before, by ${state.who}: ${state.why}`);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof OperatorError)) throw thrown;
    // It kills, and tells the cycle, which then stops.
    const { watchdog } = livingIn(stateDir);
    if (watchdog !== undefined) process.kill(watchdog.pid, "SIGTERM");
    return new OperatorError(
      thrown.message,
      "put the disk right before another cycle starts: nothing keeps it from starting",
      { cause: thrown },
    );
  }
}

type Scene = {
  stateDir: string;
  /** Which engine, and whether E2B, is asked besides those of the journal. Undefined where no configuration can be had. */
  configured: () => Promise<Config | undefined>;
};

/** Looked for when it is first needed, after the killing by the journal. One that is broken is told of, and keeps nothing alive. */
function whatIsConfigured(load: () => Promise<Config | undefined>, io: Io): Scene["configured"] {
  let looked: Promise<Config | undefined> | undefined;
  const orNone = (thrown: unknown) => {
    io.err(`weakdoor: the usual backends and those of the journal are asked, for ${messageOf(thrown)}`);
    return undefined;
  };
  return () => (looked ??= load().catch(orNone));
}

async function loadedConfig(values: VerbInput["values"], cwd: string): Promise<Config | undefined> {
  const { configIfThere } = await import("./configIfThere.ts");
  return configIfThere(values, cwd);
}

/** Throws OperatorError when something could not be shown to be gone in time. Returns what had to be swept from here. */
async function untilGone(
  { stateDir, configured }: Scene,
  startedMs: number,
  signal: AbortSignal,
): Promise<Certificate[]> {
  const swept = new Map<string, Certificate>();
  let sweptAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const living = livingIn(stateDir);
    const graceMs = isWatched(living) ? GRACE_MS.watched : GRACE_MS.unwatched;
    const isDue = performance.now() > Math.max(startedMs + graceMs, sweptAtMs + PAUSE_MS);
    // A journal that cannot be written keeps open what is gone.
    const sandboxes = living.sandboxes.filter(({ name }) => swept.get(name)?.status !== "destroyed");
    const alive = namesOf({ ...living, sandboxes });
    if (alive.length === 0) return [...swept.values()];
    if (performance.now() > startedMs + WAIT_MS)
      throw new OperatorError(`not shown to be gone: ${alive.join(", ")}`, "the latch stays set; run weakdoor sweep");
    if (isDue) {
      for (const one of await sweepFromHere({ stateDir, configured }, signal)) swept.set(one.sandbox, one);
      sweptAtMs = performance.now();
    } else await sleep(LOOK_MS);
  }
}

/** Is one of them awake? A process that was stopped sees no latch. */
function isWatched({ owner, watchdog }: Living): boolean {
  return [owner, watchdog].some((one) => one !== undefined && !isStopped(one));
}

/** First by the journal alone, then through every backend that answers. */
async function sweepFromHere({ stateDir, configured }: Scene, signal: AbortSignal): Promise<Certificate[]> {
  const doomed = () => {
    const { entries } = readJournal(stateDir);
    return { cycle: entries.at(-1)?.cycle ?? "", gateways: openGateways(entries), open: openEntries(entries) };
  };
  await destroyAll(doomed, ROUTE_MS);
  const [{ sweep }, { readyBackends }] = await Promise.all([import("../sandbox/sweep.ts"), import("./backends.ts")]);
  const drivers = await readyBackends(stateDir, signal, await configured());
  return (await sweep({ drivers, stateDir, clock: systemClock, scope: "killed" })).certificates;
}

/** After the killing and never before it: a log that hangs or is full must not keep anything alive. */
async function writeDown(
  stateDir: string,
  { who, reason, swept }: { who: string; reason: string; swept: readonly Certificate[] },
  io: Io,
): Promise<void> {
  try {
    const { openLedger } = await import("../ledger/open.ts");
    const ledger = openLedger(stateDir, { clock: systemClock });
    try {
      const actor = { kind: "person", name: who } as const;
      ledger.append({ kind: "kill.set", actor, cycle: null, payload: { reason } });
      for (const { sandbox, status, looks } of swept)
        ledger.append({ kind: "sandbox.swept", actor, cycle: null, payload: { sandbox, status, looks } });
      await ledger.checkpoint();
    } finally {
      await ledger.close();
    }
  } catch (thrown) {
    if (!(thrown instanceof OperatorError)) throw thrown;
    io.err(`weakdoor: all is stopped, but ${thrown.message}`);
    io.err(`hint: ${thrown.hint}`);
  }
}
