import { userInfo } from "node:os";
import { systemClock } from "../base/clock.ts";
import { OperatorError } from "../base/errors.ts";
import { count } from "../base/text.ts";
import { openLedger } from "../ledger/open.ts";
import { doubtsOf } from "../sandbox/certificate.ts";
import { sweep } from "../sandbox/sweep.ts";
import { appendEntry, openEntries, readJournal } from "../stop/journal.ts";
import { readyBackends } from "./backends.ts";
import { configIfThere } from "./configIfThere.ts";
import { makeState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, text, type Verb } from "./verb.ts";

/** Ends whatever bears our label and belongs to no living cycle, with a certificate each; `--own`: only what this state directory made. */
export const verb: Verb = {
  name: "sweep",
  summary: "end whatever earlier cycles left behind, with a certificate each",
  usage: "sweep [--own] [--forget NAME --reason TEXT] [--state DIR] [--json]",
  options: {
    ...STATE_OPTIONS,
    json: { type: "boolean" },
    own: { type: "boolean" },
    forget: { type: "string" },
    reason: { type: "string" },
  },
  async run({ values, cwd, io, signal }) {
    const stateDir = makeState(values, cwd);
    const forgotten = text(values, "forget");
    if (forgotten !== undefined) await forget(stateDir, forgotten, text(values, "reason")?.trim() ?? "");
    const drivers = await readyBackends(stateDir, signal, await configIfThere(values, cwd));
    const scope = flag(values, "own") ? "journal" : "all";
    const report = await sweep({ drivers, stateDir, clock: systemClock, scope });
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

/**
 * A person has seen that it is gone where we cannot look any more. Their word is a leaf of the log, and no certificate:
 * only then is it struck from the journal.
 */
async function forget(stateDir: string, name: string, reason: string): Promise<void> {
  if (reason === "")
    throw new OperatorError("to forget needs a reason", "say how you saw that it is gone: --reason TEXT");
  const entry = openEntries(readJournal(stateDir).entries).find((one) => one.name === name);
  if (entry === undefined)
    throw new OperatorError(`the journal has no open ${name}`, "weakdoor status shows what is open");
  const ledger = openLedger(stateDir, { clock: systemClock });
  try {
    const actor = { kind: "person", name: userInfo().username } as const;
    ledger.append({ kind: "sandbox.forgotten", actor, cycle: entry.cycle, payload: { sandbox: name, reason } });
    await ledger.checkpoint();
  } finally {
    await ledger.close();
  }
  const at = systemClock.now().toISOString();
  appendEntry(stateDir, { kind: "forgotten", cycle: entry.cycle, name, at });
}
