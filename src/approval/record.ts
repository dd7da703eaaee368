import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { unlinkIfThere, writeDurably } from "../base/files.ts";
import { hashOf } from "../base/hash.ts";
import { hashLeaf } from "../ledger/entry.ts";
import type { Leaf, Ledger, LedgerEntry } from "../ledger/ledger.ts";
import { EMPTY_EDGE, extend, rootOf } from "../ledger/tree.ts";
import { ApprovalRecord, type Statement } from "./approval.ts";

/**
 * A decision on the disk: a JSON file under `<state>/approvals/` and a leaf `approval.recorded` in the log that holds
 * the file's hash. Neither counts without the other, except that a rejection's leaf alone still rejects: deleting
 * its file must not turn a no into a yes.
 */
const RECORDED = "approval.recorded";

export type Recorded = { file: string; leaf: Leaf };

/** Durable when it returns. When the leaf cannot be written the file goes again and the error is passed on. */
export function keepRecord(stateDir: string, ledger: Ledger, record: ApprovalRecord, signer: string): Recorded {
  const directory = join(stateDir, "approvals");
  const { statement } = record;
  const statementSha256 = hashOf(statement);
  const file = join(directory, `${statement.finding.slice(4, 16)}-${statementSha256.slice(0, 16)}.json`);
  write(directory, file, record);
  try {
    const leaf = ledger.append({
      kind: RECORDED,
      actor: { kind: "person", name: record.decider.name },
      cycle: null,
      payload: {
        finding: statement.finding,
        decision: statement.decision,
        findingSha256: statement.findingSha256,
        statementSha256,
        recordSha256: hashOf(record),
        signer,
        reason: statement.reason,
        notAfter: statement.notAfter,
      },
    });
    return { file, leaf };
  } catch (thrown) {
    unlinkIfThere(file);
    throw thrown;
  }
}

export type ReadRecord =
  | { status: "read"; file: string; record: ApprovalRecord }
  /** There, and not one of ours as it stands. */
  | { status: "unreadable"; file: string; reason: string };

/** Every file under `<state>/approvals/`, by name. */
export function readRecords(stateDir: string): ReadRecord[] {
  const directory = join(stateDir, "approvals");
  const names = namesIn(directory).filter((name) => name.endsWith(".json") && !name.startsWith("."));
  return names.sort().map((name) => readRecord(join(directory, name)));
}

function readRecord(file: string): ReadRecord {
  try {
    const record = ApprovalRecord.safeParse(JSON.parse(readFileSync(file, "utf8")));
    if (record.success) return { status: "read", file, record: record.data };
    return { status: "unreadable", file, reason: record.error.issues[0]?.message ?? "another shape" };
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return { status: "unreadable", file, reason: "not JSON" };
    throw thrown;
  }
}

/** Why the log does not vouch for this record; undefined when it does. `entries` is the whole log. */
export function missingInLog(record: ApprovalRecord, entries: readonly LedgerEntry[]): string | undefined {
  const { checkpoint } = record.statement;
  const statementSha256 = hashOf(record.statement);
  const leaves = entries.filter(
    ({ leaf, payload }) => leaf.kind === RECORDED && payload.statementSha256 === statementSha256,
  );
  if (leaves.length === 0) return "the log has no leaf for it";
  const recordSha256 = hashOf(record);
  const vouching = leaves.find(({ payload }) => payload.recordSha256 === recordSha256);
  if (vouching === undefined) return "its file is not the one that was logged";
  const before = entries.slice(0, checkpoint.size).map((entry) => hashLeaf(entry.leaf));
  const root = rootOf(before.reduce(extend, EMPTY_EDGE)).toString("hex");
  const isAfter = checkpoint.size <= vouching.leaf.seq && root === checkpoint.root;
  return isAfter ? undefined : "the log it was given after is another";
}

/** Who rejected this revision of the finding, by the log. */
export function denials(
  statement: Pick<Statement, "finding" | "findingSha256">,
  entries: readonly LedgerEntry[],
): string[] {
  return entries
    .filter(({ leaf, payload }) => leaf.kind === RECORDED && payload.decision === "reject")
    .filter(
      ({ payload }) => payload.finding === statement.finding && payload.findingSha256 === statement.findingSha256,
    )
    .map(({ payload }) => String(payload.signer));
}

function write(directory: string, file: string, record: ApprovalRecord): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeDurably(file, `${JSON.stringify(record, null, 2)}\n`);
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === undefined) throw thrown;
    throw new OperatorError(`the decision cannot be written: ${code}`, `make ${directory} writable, with room`, {
      cause: thrown,
    });
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}
