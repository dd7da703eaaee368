import { z } from "zod";
import { Finding, Fingerprint } from "../findings/finding.ts";
import { Category, CheckRun, Observation } from "../guest/observation.ts";
import { Certificate } from "../sandbox/certificate.ts";
import { SEVERITIES } from "../sources/weaknesses/weakness.ts";
import { CitationRow, Readings, SourceRow } from "./sourcesRead.ts";

/**
 * The report: one model, stored whole, and one file per format that renders it. Rendering asks nothing of the world, so
 * the same model gives the same bytes, years later and offline. What did not run stands before what was found.
 */

const Sandboxed = z.strictObject({
  driver: z.string(),
  isolation: z.string(),
  boundary: z.string(),
  runtime: z.string(),
  /** Why this one: what was asked for, what was there. */
  why: z.string(),
});

export const PreflightRow = z.strictObject({
  what: z.string(),
  status: z.enum(["held", "refuted", "not-run"]),
  detail: z.string(),
});
export type PreflightRow = z.infer<typeof PreflightRow>;

export const DrillRow = z.strictObject({
  carrier: z.string(),
  status: z.enum(["rang", "silent", "not-run"]),
  latencyMs: z.number().nullable(),
  /** Leaf of the ledger that holds the alarm. */
  leaf: z.int().nullable(),
  detail: z.string(),
});
export type DrillRow = z.infer<typeof DrillRow>;

export const EgressRow = z.strictObject({
  sandbox: z.string(),
  authority: z.string(),
  allowed: z.int(),
  denied: z.int(),
  /** Of bodies, for what was allowed. */
  bytesUp: z.int(),
  bytesDown: z.int(),
  /** Why it was denied, or what became of it after it was allowed. */
  reasons: z.array(z.string()),
});
export type EgressRow = z.infer<typeof EgressRow>;

/** One sandbox's boundary: a row per category; a category nobody looked at has no numbers. */
export const BoundaryRow = z.strictObject({
  from: z.enum(["target", "lab"]),
  categories: z.array(
    z.strictObject({
      category: Category,
      intended: z.int().nullable(),
      observed: z.int().nullable(),
      unexplained: z.int().nullable(),
      /** Why there are no numbers; empty otherwise. */
      notLooked: z.string(),
      /** The unexplained ones, and the smallest change that closes each; empty where there is none to name. */
      observations: z.array(z.strictObject({ id: z.string(), close: z.string() })),
    }),
  ),
});
export type BoundaryRow = z.infer<typeof BoundaryRow>;

const Changed = z.strictObject({
  id: z.string(),
  before: z.string(),
  after: z.string(),
  why: z.string(),
  /** By name, what is recorded, differs too, and could have brought it about. */
  causes: z.array(z.string()).default([]),
  /** A widening that a person took on. */
  approved: z.strictObject({ why: z.string(), until: z.string() }).optional(),
});

/** What changed in one sandbox since the cycle it was held against. */
const DriftRow = z.strictObject({
  from: z.enum(["target", "lab"]),
  widened: z.array(Changed),
  narrowed: z.array(Changed),
  moved: z.array(Changed),
  unknown: z.array(Changed),
  unchanged: z.int(),
});

export const Report = z.strictObject({
  version: z.literal(1),
  cycle: z.string(),
  startedAt: z.string(),
  endedAt: z.string(),
  stack: z.strictObject({
    name: z.string(),
    snapshot: z.string(),
    agents: z.array(z.strictObject({ kind: z.string(), version: z.string() })),
    kernel: z.string(),
    files: z.int(),
  }),
  weakdoor: z.strictObject({ version: z.string(), node: z.string(), config: z.string() }),
  target: Sandboxed.extend({ declaredAt: z.string(), weakGround: z.array(z.string()) }),
  lab: Sandboxed.extend({ isWeak: z.boolean() }),
  subset: z.strictObject({
    status: z.enum(["held", "refuted", "not-run"]),
    detail: z.string(),
    excepted: z.array(z.string()),
  }),
  preflight: z.array(PreflightRow),
  killDrillMs: z.number().nullable(),
  clone: z.strictObject({
    replaced: z.array(z.strictObject({ file: z.string(), kind: z.string(), place: z.string(), by: z.string() })),
    skipped: z.array(z.strictObject({ file: z.string(), reason: z.string() })),
    proof: z.strictObject({ files: z.int(), bytes: z.int(), values: z.int(), encodings: z.int() }),
  }),
  findings: z.array(Finding),
  delta: z.strictObject({
    new: z.array(Fingerprint),
    regressed: z.array(Fingerprint),
    resolved: z.array(Fingerprint),
    unchanged: z.array(Fingerprint),
    /** Open before, and not looked at this time. */
    blind: z.array(z.strictObject({ finding: Fingerprint, reason: z.string() })),
  }),
  boundaries: z.array(BoundaryRow),
  drift: z.strictObject({
    /** The cycle whose measurement this one was compared with; null when there was none of this stack. */
    since: z.string().nullable(),
    /** Why with that one; empty when there was none. */
    why: z.string().default(""),
    /** What is recorded and differs besides the measurement. */
    causes: z.array(
      z.strictObject({ what: z.string(), before: z.string().optional(), after: z.string().optional() }),
    ),
    views: z.array(DriftRow),
  }),
  coverage: z.array(CheckRun),
  observations: z.array(Observation),
  persisted: z.strictObject({ widened: z.array(z.string()), narrowed: z.array(z.string()) }),
  drills: z.array(DrillRow),
  research: z.strictObject({
    mode: z.string(),
    candidates: z.int(),
    accepted: z.int(),
    refused: z.array(z.strictObject({ weakness: z.string(), reason: z.string() })),
    end: z.string(),
    /** A model's words; empty when scripted. */
    notes: z.array(z.strictObject({ weakness: z.string(), note: z.string() })),
    /** Those that were asked for. */
    sources: z.array(SourceRow),
    readings: Readings,
    citations: z.array(CitationRow),
    /** What the model calls cost; null when none cost anything. */
    spent: z
      .strictObject({
        calls: z.int(),
        /** Of them, those whose answer did not say what it cost, or broke off: counted as all that was reserved. */
        unsaid: z.int(),
        inputTokens: z.int(),
        outputTokens: z.int(),
        /** As they count against the budget. */
        tokens: z.int(),
        tokensMax: z.int(),
        money: z.strictObject({ spent: z.number(), max: z.number().nullable(), currency: z.string() }).nullable(),
      })
      .nullable(),
    /** Guest messages that were too long, no JSON or of another shape. */
    malformed: z.int(),
  }),
  egress: z.array(EgressRow),
  certificates: z.array(Certificate),
  /** Findings whose weakness has a mitigation that could not be offered here, and why. */
  withoutMitigation: z.array(z.strictObject({ finding: Fingerprint, reasons: z.array(z.string()) })),
  ledger: z.strictObject({ leaves: z.int(), checkpoint: z.string() }),
  /** Wall time of each step in milliseconds; `sandboxMs` is the part spent waiting for sandboxes. */
  timings: z.array(z.strictObject({ step: z.string(), ms: z.number(), sandboxMs: z.number() })),
});
export type Report = z.infer<typeof Report>;

/** The order of every format: what still asks something of people first, then by severity and title. By code unit, so that no locale decides. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const rank = ({ state, severity }: Finding) =>
    (SETTLED.has(state) ? SEVERITIES.length : 0) - SEVERITIES.indexOf(severity);
  return [...findings].sort((a, b) => rank(a) - rank(b) || byCodeUnit(a.title, b.title) || byCodeUnit(a.id, b.id));
}

const SETTLED: ReadonlySet<Finding["state"]> = new Set(["rejected", "suppressed", "resolved"]);

function byCodeUnit(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Coverage that a reader must know of: everything that did not simply run. */
export function notRun(report: Report): CheckRun[] {
  return report.coverage.filter((row) => row.status !== "ran");
}

/** What keeps this report from being taken at its word, one sentence each; empty when nothing does. What was never tried is a doubt, too. */
export function doubts(report: Report): string[] {
  const { preflight, killDrillMs, drills, certificates, subset, lab, coverage, persisted, research } = report;
  const doubts: string[] = [];
  if (coverage.every(({ status }) => status !== "ran")) doubts.push("No check ran: nothing was looked at.");
  if (preflight.length === 0) doubts.push("No trap of the preflight was tried.");
  for (const { what, status, detail } of preflight) {
    if (status !== "held") doubts.push(`Preflight: ${what} (${status}): ${detail}`);
  }
  if (killDrillMs === null) doubts.push("The kill drill was not run.");
  if (subset.status !== "held") doubts.push(`That the lab is within the target: ${subset.status}: ${subset.detail}`);
  if (lab.isWeak) doubts.push(`The lab ran weaker than its minimum: ${lab.why}`);
  if (drills.length === 0) doubts.push("No tripwire was drilled.");
  for (const { carrier, status, detail } of drills) {
    if (status !== "rang") doubts.push(`The ${carrier} drill was ${status}: ${detail}`);
  }
  if (persisted.widened.length > 0)
    doubts.push(`The target let more through at the end than at the start: ${persisted.widened.join(", ")}`);
  if (research.end !== "finished") doubts.push(`The researcher did not finish: ${research.end}`);
  if (certificates.length === 0) doubts.push("No sandbox has a certificate of its end.");
  for (const { sandbox, status } of certificates) {
    if (status !== "destroyed") doubts.push(`${sandbox} is UNVERIFIED: its end could not be shown.`);
  }
  return doubts;
}

/** What opened since the cycle it was held against, and that nobody approved until a day that is still to come. */
export function widenedSince({ drift }: Report): string[] {
  return drift.views.flatMap(({ from, widened }) =>
    widened.filter(({ approved }) => approved === undefined).map(({ id }) => `${id} (${from})`),
  );
}
