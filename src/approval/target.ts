import { OperatorError } from "../base/errors.ts";
import type { LeafInput, LedgerEntry } from "../ledger/ledger.ts";
import type { TargetState } from "./approval.ts";

/**
 * The state of the stack that a cycle worked on, as the log tells it: a cycle leaves this leaf when it has taken its
 * snapshot, and a decision on one of its findings is bound to it.
 */
const SNAPSHOT = "cycle.snapshot";

/** The leaf a cycle appends after its snapshot. */
export function snapshotLeaf(cycle: string, state: TargetState): LeafInput {
  const payload = { stack: state.name, snapshot: state.snapshotSha256 };
  return { kind: SNAPSHOT, actor: { kind: "cycle", name: "cycle" }, cycle, payload };
}

/** Throws OperatorError when the log has no snapshot of that cycle: then nothing can be decided on. */
export function targetOf(cycle: string, entries: readonly LedgerEntry[]): TargetState {
  const found = entries.findLast(({ leaf }) => leaf.kind === SNAPSHOT && leaf.cycle === cycle);
  const { stack, snapshot } = found?.payload ?? {};
  if (typeof stack === "string" && typeof snapshot === "string") return { name: stack, snapshotSha256: snapshot };
  const hint = "run a cycle: a decision is bound to the state that one has measured";
  throw new OperatorError(`the log has no snapshot of cycle ${cycle}`, hint);
}
