import { userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../base/clock.ts";
import { OperatorError } from "../base/errors.ts";
import { openEntries, openGateways, readJournal } from "../stop/journal.ts";
import { setLatch } from "../stop/latch.ts";
import { liveCycles } from "../stop/startWatchdog.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, type Io, text, type Verb } from "./verb.ts";

/** How long whoever watches the latch is left alone with the killing. */
const GRACE_MS = 1_000;
const WAIT_MS = 10_000;
const LOOK_MS = 25;

/**
 * Sets the latch, then looks until nothing of ours lives. Whoever watches the latch kills; where nobody does, a sweep. What
 * is needed only after the latch is loaded after it: packages that take long to read, or cannot be, must not delay it.
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
    const state = setLatch(stateDir, { who, why: reason }, systemClock);
    io.out(state.why === reason ? "latch set" : `the latch was set before, by ${state.who}: ${state.why}`);
    await untilGone(stateDir, startedMs, signal);
    io.out(`nothing of ours lives, after ${Math.round(performance.now() - startedMs)} ms`);
    await writeDown(stateDir, who, reason, io);
    io.out("weakdoor rearm --reason TEXT lets cycles run again");
    return EXIT.nothingNew;
  },
};

/** Throws OperatorError when something could not be shown to be gone in time. */
async function untilGone(stateDir: string, startedMs: number, signal: AbortSignal): Promise<void> {
  let isSwept = false;
  for (let alive = living(stateDir); alive.length > 0; alive = living(stateDir)) {
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs > WAIT_MS) {
      throw new OperatorError(`not shown to be gone: ${alive.join(", ")}`, "the latch stays set; run weakdoor sweep");
    }
    if (elapsedMs > GRACE_MS && !isSwept && liveCycles().size === 0) {
      isSwept = true;
      const [{ sweep }, { readyBackends }] = await Promise.all([
        import("../sandbox/sweep.ts"),
        import("./backends.ts"),
      ]);
      const drivers = await readyBackends(stateDir, signal);
      await sweep({ drivers, stateDir, clock: systemClock, scope: "journal" });
    }
    await sleep(LOOK_MS);
  }
}

function living(stateDir: string): string[] {
  const { entries } = readJournal(stateDir);
  const sandboxes = openEntries(entries).map((entry) => entry.name);
  return [...sandboxes, ...openGateways(entries).map(({ pid }) => `gateway ${pid}`)];
}

/** After the killing and never before it: a log that hangs or is full must not keep anything alive. */
async function writeDown(stateDir: string, who: string, reason: string, io: Io): Promise<void> {
  try {
    const { openLedger } = await import("../ledger/open.ts");
    const ledger = openLedger(stateDir, { clock: systemClock });
    try {
      ledger.append({ kind: "kill.set", actor: { kind: "person", name: who }, cycle: null, payload: { reason } });
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
