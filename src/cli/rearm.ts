import { userInfo } from "node:os";
import { systemClock } from "../base/clock.ts";
import { OperatorError } from "../base/errors.ts";
import { openLedger } from "../ledger/open.ts";
import { readLatch, rearm } from "../stop/latch.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, text, type Verb } from "./verb.ts";

/** Only a person undoes a kill: the leaf with who and why is written before the latch goes. */
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
