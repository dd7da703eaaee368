import type { Clock } from "../base/clock.ts";
import type { Finding } from "../findings/finding.ts";
import type { LedgerEntry } from "../ledger/ledger.ts";
import { ledgerDirectory } from "../ledger/open.ts";
import { readEntries } from "../ledger/store.ts";
import type { ApprovalRecord, TargetState } from "./approval.ts";
import { decide, signedBy, type Verdict } from "./decide.ts";
import { denials, missingInLog, readRecords } from "./record.ts";
import { type Roster, readRoster } from "./roster.ts";
import { checkSignature } from "./sign.ts";
import { bytesOf } from "./statement.ts";

/** A recorded decision as it stands now, for a report or for whoever is about to use it. */
export type Standing = {
  status: "valid" | "void" | "expired" | "refused";
  rule: string;
  reason: string;
  decision: "approve" | "reject";
  /** A person of the roster, or a name and a key's fingerprint, or a name and `unsigned`. */
  by: string;
  isSigned: boolean;
  /** ISO 8601 */
  issuedAt: string;
  notAfter: string;
};

/** What a record is held against. */
export type World = { target: TargetState; roster: Roster | undefined; entries: readonly LedgerEntry[]; now: Date };

/** The log, the roster and the time, read once. A clock behind the log's newest leaf is not believed. */
export function worldOf(stateDir: string, target: TargetState, clock: Clock): World {
  const entries = readEntries(ledgerDirectory(stateDir));
  const newest = entries.at(-1);
  const nowMs = Math.max(clock.now().getTime(), newest === undefined ? 0 : Date.parse(newest.leaf.t));
  return { target, roster: readRoster(stateDir), entries, now: new Date(nowMs) };
}

/** Asks everything again: signature, roster, log, finding, target, time. */
export async function verifyApproval(finding: Finding, record: ApprovalRecord, world: World): Promise<Standing> {
  const { statement, decider, presented } = record;
  const signature = await checkSignature(bytesOf(statement), record.signature, world.roster);
  const unlogged = missingInLog(record, world.entries);
  const verdict: Verdict =
    unlogged === undefined
      ? decide({
          statement,
          decider,
          signature,
          presented,
          hasRoster: world.roster !== undefined,
          finding,
          target: world.target,
          now: world.now,
          deniedBy: denials(statement, world.entries),
        })
      : { verdict: "void", rule: "in-the-log", reason: unlogged };
  return {
    status: statusOf(verdict),
    rule: verdict.rule,
    reason: verdict.reason,
    decision: statement.decision,
    by: signedBy({ decider, signature }),
    isSigned: signature.status === "good",
    issuedAt: statement.issuedAt,
    notAfter: statement.notAfter,
  };
}

/** How each decision ever recorded on this finding stands, oldest first. Files that cannot be read are void by name. */
export async function standingsOf(
  stateDir: string,
  finding: Finding,
  world: World,
): Promise<{ standings: Standing[]; unreadable: { file: string; reason: string }[] }> {
  const standings: Standing[] = [];
  const unreadable: { file: string; reason: string }[] = [];
  for (const read of readRecords(stateDir)) {
    if (read.status === "unreadable") unreadable.push({ file: read.file, reason: read.reason });
    else if (read.record.statement.finding === finding.id) {
      standings.push(await verifyApproval(finding, read.record, world));
    }
  }
  standings.sort((a, b) => a.issuedAt.localeCompare(b.issuedAt));
  return { standings, unreadable };
}

function statusOf({ verdict, rule }: Verdict): Standing["status"] {
  if (verdict === "counts") return "valid";
  return rule === "not-expired" ? "expired" : verdict;
}
