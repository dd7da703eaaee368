import { z } from "zod";
import { Finding, FindingState } from "../findings/finding.ts";
import { FINDING_EVENTS, type FindingEvent, type Move, type Mover } from "../findings/lifecycle.ts";

/**
 * What is remembered between cycles: cycles, findings and each change of their states, and when each stack was last due;
 * what was measured is a file a cycle (probe/keptBaseline.ts). One SQLite file in the state directory; `openStore.ts` opens it. The
 * ledger says what happened, for others to verify; this says how things stand, for us to go on from.
 *
 * Every method throws OperatorError when the file is damaged, locked, read-only or the disk is full.
 */
export type Store = {
  /** Adds a cycle, or replaces what is known of it. */
  saveCycle(cycle: CycleRecord): void;
  /** Newest first. */
  cycles(): CycleRecord[];
  cycle(id: string): CycleRecord | undefined;

  /** Of one stack, or of all; the worst first, then by id. */
  findings(stack?: string): Finding[];
  /** By id, or by the first characters of it, with or without `fp1:`. Throws OperatorError when none or several begin so. */
  finding(idOrPrefix: string): Finding;
  /** Findings as `reconcile` gives them, and their moves, in one transaction. What is not in the list stays as it is. */
  saveFindings(input: {
    stack: string;
    cycle: string;
    at: Date;
    findings: readonly Finding[];
    moves: readonly Move[];
  }): void;
  /** A person's decision. Asks the life cycle first; throws IllegalTransition, and changes nothing, when it says no. */
  setState(id: string, state: FindingState, actor: Mover, reason: string, at: Date): Finding;
  /** What happened to a finding, oldest first. */
  events(id: string): FindingRecord[];

  /** When the schedule last started a cycle of this stack. */
  lastScheduled(stack: string): Date | undefined;
  setScheduled(stack: string, at: Date): void;

  close(): void;
};

export const CycleRecord = z.strictObject({
  id: z.string().max(60),
  /** Logical name of the stack. */
  stack: z.string().max(200),
  /** ISO 8601 */
  startedAt: z.string(),
  /** null while it runs, and for ever when it was cut off. */
  endedAt: z.string().nullable(),
  outcome: z.string().max(60).nullable(),
  /** What the cycle wants remembered of itself. */
  summary: z.record(z.string(), z.unknown()),
  /** Absolute path of report.json. */
  reportPath: z.string().nullable(),
});
export type CycleRecord = z.infer<typeof CycleRecord>;

export const FindingRecord = z.strictObject({
  seq: z.int(),
  finding: z.string(),
  /** ISO 8601 */
  at: z.string(),
  event: z.enum(FINDING_EVENTS as [FindingEvent, ...FindingEvent[]]),
  /** null when it was first seen. */
  from: FindingState.nullable(),
  to: FindingState,
  actor: z.strictObject({ kind: z.string(), name: z.string() }),
  reason: z.string(),
});
export type FindingRecord = z.infer<typeof FindingRecord>;
