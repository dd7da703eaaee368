import { randomBytes } from "node:crypto";
import { canonicalJson, hashOf, sha256Hex } from "../base/hash.ts";
import type { Finding } from "../findings/finding.ts";
import type { Choice, Statement, TargetState } from "./approval.ts";

export type StatementInput = {
  decision: Choice;
  finding: Finding;
  target: TargetState;
  reason: string;
  presented: string;
  checkpoint: Statement["checkpoint"];
  now: Date;
  /** How long the decision may be used. */
  days: number;
};

export const DAYS_DEFAULT = 7;
export const DAYS_MAX = 30;

/** The statement about a finding as it is. Each call gives another nonce. */
export function makeStatement(input: StatementInput): Statement {
  const { mitigation } = input.finding;
  return {
    v: 1,
    kind: `mitigation.${input.decision}`,
    decision: input.decision,
    finding: input.finding.id,
    findingSha256: findingHash(input.finding),
    applySha256: mitigation === undefined ? null : sha256Hex(mitigation.applyScript),
    reverseSha256: mitigation === undefined ? null : sha256Hex(mitigation.reverseScript),
    roundTripSha256: mitigation === undefined ? null : hashOf(mitigation.roundTrip),
    target: input.target.name,
    snapshotSha256: input.target.snapshotSha256,
    reason: input.reason,
    issuedAt: input.now.toISOString(),
    notAfter: new Date(input.now.getTime() + input.days * DAY_MS).toISOString(),
    nonce: randomBytes(16).toString("hex"),
    checkpoint: input.checkpoint,
    presentedSha256: sha256Hex(input.presented),
  };
}

/** The bytes that are signed. */
export function bytesOf(statement: Statement): string {
  return canonicalJson(statement);
}

export const DAY_MS = 24 * 60 * 60 * 1000;

/** SHA-256 over what a decision is about; state and dates of sighting move on without voiding it. */
export function findingHash(finding: Finding): string {
  const { id, weakness, title, category, evidence, evidenceClass, severity, severityReasons, mitigation } = finding;
  return hashOf({
    id,
    weakness,
    title,
    category,
    evidence,
    evidenceClass,
    severity,
    severityReasons,
    mitigation: mitigation ?? null,
  });
}
