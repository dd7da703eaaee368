import { systemClock } from "../base/clock.ts";
import { count } from "../base/text.ts";
import { openLedger } from "../ledger/open.ts";
import { doubtsOf } from "../sandbox/certificate.ts";
import { sweep } from "../sandbox/sweep.ts";
import { readyBackends } from "./backends.ts";
import { makeState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Verb } from "./verb.ts";

/** Ends whatever bears our label and belongs to no living cycle, with a certificate each. */
export const verb: Verb = {
  name: "sweep",
  summary: "end whatever earlier cycles left behind, with a certificate each",
  usage: "sweep [--state DIR] [--json]",
  options: { ...STATE_OPTIONS, json: { type: "boolean" } },
  async run({ values, cwd, io, signal }) {
    const stateDir = makeState(values, cwd);
    const drivers = await readyBackends(stateDir, signal);
    const report = await sweep({ drivers, stateDir, clock: systemClock, scope: "all" });
    const ledger = openLedger(stateDir, { clock: systemClock });
    try {
      for (const { sandbox, status, looks } of report.certificates) {
        const payload = { sandbox, status, looks };
        ledger.append({ kind: "sandbox.swept", actor: { kind: "person", name: "sweep" }, cycle: null, payload });
      }
    } finally {
      await ledger.close();
    }
    if (flag(values, "json")) io.json(report);
    else {
      io.out(
        `${count(report.certificates.length, "sandbox", "sandboxes")} swept with ${drivers.map(({ kind }) => kind).join(", ") || "no backend"}`,
      );
      for (const certificate of report.certificates) {
        io.out(`  ${certificate.status.padEnd(10)} ${certificate.sandbox} ${doubtsOf(certificate)}`.trimEnd());
      }
      for (const name of report.kept) io.out(`  kept       ${name} (its cycle lives)`);
      for (const { what, reason } of report.notSwept) io.out(`  not swept  ${what}: ${reason}`);
    }
    const isDone = report.notSwept.length === 0 && report.certificates.every(({ status }) => status === "destroyed");
    return isDone ? EXIT.nothingNew : EXIT.logOrPreflight;
  },
};
