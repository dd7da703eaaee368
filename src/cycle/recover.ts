import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { OperatorError } from "../base/errors.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { doubtsOf } from "../sandbox/certificate.ts";
import type { Driver } from "../sandbox/sandbox.ts";
import { homelessIn, missingBackend, refuseUnknownOnes, sweep } from "../sandbox/sweep.ts";
import { openEntries, readJournal } from "../stop/journal.ts";
import { liveCycles } from "../stop/startWatchdog.ts";
import { elsewhereOf } from "./hostRows.ts";
import { recoverSpend } from "./spend.ts";

export type RecoverOptions = { drivers: readonly Driver[]; stateDir: string; clock: Clock; ledger: Ledger };

/**
 * What a crash left is ended before anything new begins: sandboxes by the journal and husks that hold no process, with a
 * certificate each, then what its model calls cost, then clones and other files of cycles that no longer live. Refuses to go on while something unknown
 * bears our label and lives, or while an end could not be shown.
 */
export async function recover({ drivers, stateDir, clock, ledger }: RecoverOptions): Promise<void> {
  const swept = await sweep({ drivers, stateDir, clock, scope: "start" });
  for (const certificate of swept.certificates) {
    ledger.append({
      kind: "sandbox.swept",
      actor: { kind: "cycle", name: "recover" },
      cycle: null,
      payload: { sandbox: certificate.sandbox, status: certificate.status, looks: certificate.looks },
    });
    if (certificate.status !== "destroyed") {
      throw new OperatorError(
        `${certificate.sandbox} of an earlier cycle could not be shown to be destroyed: ${doubtsOf(certificate)}`,
        "end what is named there, then run weakdoor sweep",
      );
    }
  }
  refuseHomelessOnes(drivers, stateDir);
  await refuseUnknownOnes(drivers);
  removeLeftovers(join(stateDir, "run"), ledger);
}

/** What an earlier cycle had at a backend that is not there any more may live on there, and nobody can look. */
function refuseHomelessOnes(drivers: readonly Driver[], stateDir: string): void {
  const [first] = homelessIn(openEntries(readJournal(stateDir).entries), drivers).map(missingBackend);
  if (first === undefined) return;
  throw new OperatorError(
    `${first.what} of an earlier cycle may still be there: ${first.reason}`,
    "bring the backend back and run weakdoor sweep; once you have seen that it is gone: weakdoor sweep --forget NAME --reason TEXT",
  );
}

/** Directories of cycles that do not live: clones with fakes, sockets, logs of a gateway that was killed. */
function removeLeftovers(runDirectory: string, ledger: Ledger): void {
  const alive = liveCycles();
  for (const entry of readdirSync(runDirectory, { withFileTypes: true })) {
    if (!entry.isDirectory() || !/^c\d{8}-\d{6}-[0-9a-f]{6}$/.test(entry.name) || alive.has(entry.name)) continue;
    const runDir = join(runDirectory, entry.name);
    recoverSpend({ cycle: entry.name, runDir, ledger });
    rmSync(elsewhereOf(entry.name), { recursive: true, force: true });
    rmSync(runDir, { recursive: true, force: true });
  }
}
