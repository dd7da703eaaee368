import { userInfo } from "node:os";
import { systemClock } from "../base/clock.ts";
import { OperatorError } from "../base/errors.ts";
import { openLedger } from "../ledger/open.ts";
import { readLatch, rearm } from "../stop/latch.ts";
import { livingIn, namesOf } from "./living.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, text, type Verb } from "./verb.ts";

/** Only a person undoes a kill, and not before it is through: the leaf with who and why is written before the latch goes. */
export const verb: Verb = {
  name: "rearm",
  summary: "let cycles run again after a kill",
  usage: "rearm --reason TEXT [--state DIR]",
  options: { ...STATE_OPTIONS, reason: { type: "string" } },
  async run({ values, cwd, io }) {
    const reason = text(values, "reason");
    if (reason === undefined || reason.trim() === "")
      throw new OperatorError("rearm needs a reason", "say why: weakdoor rearm --reason TEXT");
    const stateDir = requireState(values, cwd);
    const latch = readLatch(stateDir);
    if (latch.status === "clear") {
      io.out("the latch is not set: nothing to rearm");
      return EXIT.nothingNew;
    }
    refuseDuringKill(stateDir);
    const who = userInfo().username;
    const ledger = openLedger(stateDir, { clock: systemClock });
    try {
      ledger.append({
        kind: "kill.rearmed",
        actor: { kind: "person", name: who },
        cycle: null,
        payload: { reason, killedBy: latch.who, killedFor: latch.why, killedAt: latch.at },
      });
      rearm(stateDir, { who, why: reason }, systemClock);
      await ledger.checkpoint();
    } finally {
      await ledger.close();
    }
    io.out(`rearmed; it had been stopped by ${latch.who}: ${latch.why}`);
    return EXIT.nothingNew;
  },
};

/** What the kill has not reached yet would go on as if nothing had been. */
function refuseDuringKill(stateDir: string): void {
  const living = livingIn(stateDir);
  const names = namesOf(living);
  if (names.length > 0) {
    const hint = "wait for weakdoor kill, or run weakdoor sweep, which says what is in its way";
    throw new OperatorError(`not shown to be gone: ${names.join(", ")}`, hint);
  }
  const { owner, watchdog } = living;
  if (owner !== undefined)
    throw new OperatorError(
      `the cycle, pid ${owner.pid}, has not ended`,
      `wait for it; if it hangs: kill -9 ${owner.pid}`,
    );
  if (watchdog !== undefined)
    throw new OperatorError(
      `the watchdog, pid ${watchdog.pid}, has not ended`,
      `wait for it; if it hangs: kill -9 ${watchdog.pid}`,
    );
}
