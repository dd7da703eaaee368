import { userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../base/clock.ts";
import { OperatorError } from "../base/errors.ts";
import { openEntries, openGateways, readJournal } from "../stop/journal.ts";
import { setLatch } from "../stop/latch.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, text, type Verb } from "./verb.ts";

const WAIT_MS = 10_000;
const LOOK_MS = 25;

/** Sets the latch, then looks until nothing of ours lives. The killing is done by whoever watches the latch. */
export const verb: Verb = {
  name: "kill",
  summary: "stop everything now: sets the latch, waits until nothing of ours lives",
  usage: "kill --reason TEXT [--state DIR]",
  options: { ...STATE_OPTIONS, reason: { type: "string" } },
  async run({ values, cwd, io }) {
    const reason = text(values, "reason");
    if (reason === undefined || reason.trim() === "")
      throw new OperatorError("kill needs a reason", "say why: weakdoor kill --reason TEXT");
    const stateDir = requireState(values, cwd);
    const started = performance.now();
    const state = setLatch(stateDir, { who: userInfo().username, why: reason }, systemClock);
    io.out(state.why === reason ? "latch set" : `the latch was set before, by ${state.who}: ${state.why}`);
    for (;;) {
      const { entries } = readJournal(stateDir);
      const alive = [
        ...openEntries(entries).map((entry) => entry.name),
        ...openGateways(entries).map(({ pid }) => `gateway ${pid}`),
      ];
      const elapsedMs = performance.now() - started;
      if (alive.length === 0) {
        io.out(
          `nothing of ours lives, after ${Math.round(elapsedMs)} ms; weakdoor rearm --reason TEXT lets cycles run again`,
        );
        return EXIT.nothingNew;
      }
      if (elapsedMs > WAIT_MS) {
        throw new OperatorError(
          `not shown to be gone: ${alive.join(", ")}`,
          "the latch stays set; run weakdoor sweep",
        );
      }
      await sleep(LOOK_MS);
    }
  },
};
