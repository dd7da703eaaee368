import { oneLine } from "../../base/text.ts";
import { type CheckRun, Observation } from "../../guest/observation.ts";
import type { Discovered } from "../discover.ts";
import { openStack, type Roots } from "../reader.ts";
import type { Audit, Declared } from "../stack.ts";
import { AUDIT_CHECKS } from "./all.ts";
import type { AuditCheck, AuditInput, AuditRow } from "./check.ts";

/**
 * What the stack's configuration files say, without running anything: one check a file, `all.ts` is the list. The
 * weak condition is there (`reachable`), was looked for and is not (`absent`), or could not be looked for because a
 * file cannot be read (`not-measured`): never silence.
 */
export async function auditStack(roots: Roots, discovered: Discovered, declared: Declared): Promise<Audit> {
  const input: AuditInput = { reader: openStack(roots), discovered, declared };
  const audit: Audit = { observations: [], checks: [] };
  for (const check of AUDIT_CHECKS) {
    const rows = worstOfEach((await check.run(input)).map((row) => observationOf(check, row)));
    audit.observations.push(...rows);
    audit.checks.push(runOf(check, rows));
  }
  return audit;
}

function observationOf(check: AuditCheck, row: AuditRow): Observation {
  return Observation.parse({
    id:
      row.instance === undefined
        ? check.check
        : `${check.check}:${instanceName(row.instance, 238 - check.check.length)}`,
    category: check.category,
    subject: oneLine(row.subject, 290),
    verdict: row.verdict,
    access: row.verdict === "reachable" ? (row.access ?? ["configure"]) : [],
    from: "audit",
    detail: oneLine(row.detail, 590),
  });
}

/** Printable ASCII without spaces, as an id asks; what is cut off is cut at the front, where paths are alike. */
function instanceName(text: string, charactersMax: number): string {
  const plain = text.replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character.toWellFormed()));
  return plain.length > charactersMax ? plain.slice(-charactersMax) : plain;
}

const WORST = ["reachable", "not-measured", "absent"];

/** One row an id: two files can name the same server, and the weaker of them counts. */
function worstOfEach(rows: Observation[]): Observation[] {
  const byId = new Map<string, Observation>();
  for (const row of rows) {
    const other = byId.get(row.id);
    if (other === undefined || WORST.indexOf(row.verdict) < WORST.indexOf(other.verdict)) byId.set(row.id, row);
  }
  return [...byId.values()];
}

function runOf({ check, category }: AuditCheck, rows: Observation[]): CheckRun {
  const blind = rows.filter((row) => row.verdict === "not-measured");
  const base = { check, category, from: "audit" as const };
  if (blind.length === 0) return { ...base, status: "ran", reason: "" };
  const status = blind.length === rows.length ? "failed" : "degraded";
  return { ...base, status, reason: oneLine(blind.map((row) => row.detail).join("; "), 390) };
}
