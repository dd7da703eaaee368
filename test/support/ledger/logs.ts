import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import type { LeafInput, Ledger } from "../../../src/ledger/ledger.ts";
import { openLedger } from "../../../src/ledger/open.ts";

/** A folder of its own, gone when the test is. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "weakdoor-ledger-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A log in a state folder of its own, closed when the test is. */
export function newLog(stateDir = temporaryFolder()): { stateDir: string; ledger: Ledger } {
  const ledger = openLedger(stateDir, { clock: systemClock });
  onTestFinished(() => ledger.close());
  return { stateDir, ledger };
}

export function leaf(n: number, payload: Record<string, unknown> = { n }): LeafInput {
  return { kind: "test.leaf", actor: { kind: "cycle", name: "test" }, cycle: "c-test", payload };
}
