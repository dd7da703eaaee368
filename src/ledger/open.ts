import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { OperatorError } from "../base/errors.ts";
import { keepCheckpoint } from "./checkpoints.ts";
import type { Ledger } from "./ledger.ts";
import { readMark, writeMark } from "./mark.ts";
import { type Position, START, walk } from "./segments.ts";
import { type Signer, type SignerAnswer, startSigner } from "./signer.ts";
import { type Leaves, openLeaves } from "./store.ts";
import { consistencyProof, rootOf, subtreesSince } from "./tree.ts";

export type LedgerOptions = {
  clock: Clock;
  /** The log's name, used when its key is made; the default is `weakdoor/` and the key's own id. */
  origin?: string;
  /** How long the signer may take for one answer. */
  signerDeadlineMs?: number;
};

/** Where a state directory keeps its log. */
export function ledgerDirectory(stateDir: string): string {
  return join(stateDir, "ledger");
}

export function signerDirectory(stateDir: string): string {
  return join(stateDir, "signer");
}

/**
 * Opens the log under `<stateDir>/ledger`, making it when it is not there; the signer, under `<stateDir>/signer`,
 * starts at the first checkpoint. Any number of processes may have the log open. Throws OperatorError `the log cannot
 * be written` when the directory cannot be made.
 */
export function openLedger(stateDir: string, options: LedgerOptions): Ledger {
  const directory = ledgerDirectory(stateDir);
  const leaves = openLeaves(directory, options.clock);
  const signer = startSigner(signerDirectory(stateDir), options.origin ?? "", options.signerDeadlineMs ?? 15_000);
  return {
    append: (input) => leaves.append(input),
    read: (sinceSeq = 0) => leaves.read(sinceSeq),
    size: () => leaves.tip().edge.size,
    checkpoint: () => checkpoint(directory, leaves, signer),
    async close() {
      await signer.close();
      leaves.close();
    },
  };
}

/** Another process may sign between question and request, so it asks again; each round means that somebody got on. */
const ROUNDS_MAX = 50;

async function checkpoint(directory: string, leaves: Leaves, signer: Signer): Promise<string> {
  const markPath = join(directory, "signed.json");
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const last = await signer.ask({ ask: "last" });
    if (last.status !== "last") throw refusal(last);
    const tip = leaves.tip();
    const answer = await signer.ask(extension(directory, markPath, last, tip));
    if (answer.status === "moved") continue;
    if (answer.status !== "signed") throw refusal(answer);
    leaves.alone(() => {
      keepCheckpoint(directory, answer.note);
      writeMark(markPath, tip);
    });
    return answer.note;
  }
  throw new OperatorError("the log's signer is asked by too many at once", "run it again");
}

/** The request to sign the tree up to `tip`, with the proof that it extends what was signed last. */
function extension(directory: string, markPath: string, last: { size: number; root: string }, tip: Position) {
  const from = last.size;
  if (from > tip.edge.size) {
    const what = `the log has ${tip.edge.size} leaves and its signer has signed ${from}`;
    throw new OperatorError(what, "leaves were removed: run weakdoor log verify and keep the folder as evidence");
  }
  const mark = readMark(markPath);
  const isFit = mark?.edge.size === from && rootOf(mark.edge).toString("base64") === last.root;
  const base = isFit ? mark : walk(directory, START, () => undefined, from).position;
  const since: Uint8Array[] = [];
  walk(directory, base, (hash) => since.push(hash), tip.edge.size);
  const proof = consistencyProof(subtreesSince(base.edge, since), from, tip.edge.size);
  return {
    ask: "sign" as const,
    from,
    size: tip.edge.size,
    root: rootOf(tip.edge).toString("base64"),
    proof: proof.map((hash) => Buffer.from(hash).toString("base64")),
  };
}

function refusal(answer: SignerAnswer): OperatorError {
  const reason = "reason" in answer ? answer.reason : answer.status;
  const hint = "run weakdoor log verify; if the log is whole, look at the signer folder beside it";
  return new OperatorError(`the log's signer does not sign: ${reason}`, hint);
}
