import { type Decision, takeDecision } from "../../../src/approval/approve.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { OperatorError } from "../../../src/base/errors.ts";
import { FINDING, TARGET } from "./samples.ts";

/** A process of its own that takes one decision: `decider.ts STATE approve|reject NAME`. Prints how it then stands. */
const [stateDir = "", choice = "", name = ""] = process.argv.slice(2);
const decision: Decision = {
  stateDir,
  decision: choice === "approve" ? "approve" : "reject",
  finding: FINDING,
  target: TARGET,
  reason: "at once",
  decider: { kind: "person", name },
  keyPath: undefined,
  tool: { program: "ssh-keygen", session: {} },
  clock: systemClock,
  signal: new AbortController().signal,
  show: () => undefined,
};
try {
  const { standing } = await takeDecision(decision);
  console.log(standing.status);
} catch (thrown) {
  if (!(thrown instanceof OperatorError)) throw thrown;
  console.log(`not recorded: ${thrown.message}`);
}
