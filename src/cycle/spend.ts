import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { unlinkIfThere, writeDurably } from "../base/files.ts";
import type { ModelSpend } from "../egress/egress.ts";
import { ModelSpent } from "../egress/messages.ts";
import type { Ledger } from "../ledger/ledger.ts";

/**
 * What the model calls of a cycle cost, as one leaf of the log, however the cycle ends. The gateway says it before each call,
 * with all that the call could cost, and again when the call is over; each word is on the disk as soon as it is heard, so that the
 * leaf of a cycle that was killed outright is written by the run that finds it. A call that began in the very moment of
 * such a kill may be missing in it.
 */
export type SpendLeaf = {
  hear(spend: ModelSpend): void;
  /** Writes the leaf; after the first time it does nothing. Nothing spent is no leaf. */
  close(): void;
};

const FILE = "spent.json";

/** @param runDir the cycle's own, which is removed when it ends. */
export function spendLeaf({ cycle, runDir, ledger }: { cycle: string; runDir: string; ledger: Ledger }): SpendLeaf {
  let last: ModelSpend | undefined;
  let isClosed = false;
  return {
    hear(spend) {
      last = spend;
      if (!isClosed) writeDurably(join(runDir, FILE), JSON.stringify(spend));
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      if (last === undefined) return;
      if (last.calls > 0) append(ledger, cycle, { ...last });
      unlinkIfThere(join(runDir, FILE));
    },
  };
}

/** The leaf of a cycle that could not write it itself; nothing when it spent nothing, or wrote it. */
export function recoverSpend({ cycle, runDir, ledger }: { cycle: string; runDir: string; ledger: Ledger }): void {
  const found = spendIn(runDir);
  if (found === undefined || found.calls === 0) return;
  append(ledger, cycle, { ...found, recovered: true });
}

function append(ledger: Ledger, cycle: string, payload: Record<string, unknown>): void {
  ledger.append({ kind: "model.spent", actor: { kind: "cycle", name: "cycle" }, cycle, payload });
}

/** Undefined when there is none, or it was cut off as it was written. */
function spendIn(runDir: string): ModelSpend | undefined {
  try {
    return ModelSpent.safeParse(JSON.parse(readFileSync(join(runDir, FILE), "utf8"))).data;
  } catch (thrown) {
    if (thrown instanceof SyntaxError || errnoOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}
