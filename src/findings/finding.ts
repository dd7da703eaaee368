import { z } from "zod";
import { Category, ObservationId } from "../guest/observation.ts";
import { Severity } from "../sources/weaknesses/weakness.ts";

/**
 * A finding: a weakness that observations of this cycle bear out, with its identity over cycles, its state, and, where
 * the catalogue has one, a mitigation whose reversal has been run.
 */

/** One enum, never a set of booleans (see lifecycle.ts for who may move what). */
export const FindingState = z.enum(["open", "approved", "rejected", "resolved", "regressed", "suppressed"]);
export type FindingState = z.infer<typeof FindingState>;

export const Fingerprint = z.string().regex(/^fp1:[0-9a-f]{64}$/);

/** `observed` a probe showed it in the running clone · `configured` a file of the stack says so. */
export const EvidenceClass = z.enum(["observed", "configured"]);

export const Evidence = z.strictObject({
  observation: ObservationId,
  from: z.string().max(20),
  verdict: z.string().max(20),
  detail: z.string().max(600),
  /** SHA-256 of the observation's canonical JSON. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** What one direction of a round trip proved, step by step; `proved` only when every step is true. */
export const RoundTrip = z.strictObject({
  status: z.enum(["proved", "refuted", "not-run"]),
  /** Empty when proved. */
  reason: z.string().max(400),
  steps: z
    .array(
      z.strictObject({
        step: z.string().max(80),
        clone: z.string().max(10),
        isTrue: z.boolean(),
        detail: z.string().max(300),
      }),
    )
    .max(60),
});
export type RoundTrip = z.infer<typeof RoundTrip>;

export const MitigationOffer = z.strictObject({
  id: z.string().max(80),
  title: z.string().max(160),
  /** What else it changes, said to the approver: restarts, lost functions. */
  effects: z.array(z.string().max(200)).max(10),
  /** Files it touches, relative to the clone. */
  files: z.array(z.string().max(300)).max(50),
  applyScript: z.string().max(64 * 1024),
  reverseScript: z.string().max(64 * 1024),
  /** A unified diff of what apply changes, for people. */
  diff: z.string().max(64 * 1024),
  roundTrip: RoundTrip,
});
export type MitigationOffer = z.infer<typeof MitigationOffer>;

export const Finding = z.strictObject({
  id: Fingerprint,
  weakness: z.string(),
  title: z.string().max(200),
  category: Category,
  /** How one gets from inside the sandbox to what is at stake, one hop a line. */
  route: z.array(z.string().max(300)).max(12),
  evidence: z.array(Evidence).min(1).max(200),
  evidenceClass: EvidenceClass,
  blastRadius: z.strictObject({ summary: z.string().max(400), reaches: z.array(z.string().max(300)).max(200) }),
  severity: Severity,
  /** Rule by rule, why this severity. */
  severityReasons: z.array(z.string().max(200)).max(10),
  state: FindingState,
  explanation: z.string().max(900),
  references: z.array(z.string().max(40)).max(40),
  advice: z.string().max(600),
  /** The researcher's own words; the one thing here that no rule of ours made. Shown inert and labelled. */
  note: z.string().max(600).optional(),
  mitigation: MitigationOffer.optional(),
  /** ISO 8601 */
  firstSeen: z.string(),
  lastSeen: z.string(),
  /** Cycle ids. */
  firstCycle: z.string(),
  lastCycle: z.string(),
});
export type Finding = z.infer<typeof Finding>;

/** What a researcher, scripted or a model, hands in: a catalogue id and the observations it rests on. Data, never trusted. */
export const Candidate = z.strictObject({
  weakness: z.string().max(80),
  observations: z.array(ObservationId).min(1).max(200),
  /** The researcher's words, shown inert and labelled as such. */
  note: z.string().max(600),
});
export type Candidate = z.infer<typeof Candidate>;
