import type { Clock } from "../base/clock.ts";
import { OperatorError } from "../base/errors.ts";
import type { Finding } from "../findings/finding.ts";
import { openLedger } from "../ledger/open.ts";
import type {
  ApprovalRecord,
  Choice,
  Decider,
  Signature,
  SignatureResult,
  Statement,
  TargetState,
} from "./approval.ts";
import { decide, signedBy } from "./decide.ts";
import { presentedText } from "./presented.ts";
import { denials, keepRecord, type Recorded } from "./record.ts";
import { checkSignature, type SshTool, signText } from "./sign.ts";
import { type Standing, verifyApproval, worldOf } from "./standing.ts";
import { bytesOf, DAYS_DEFAULT, makeStatement } from "./statement.ts";

export type Decision = {
  stateDir: string;
  decision: Choice;
  finding: Finding;
  target: TargetState;
  reason: string;
  decider: Decider;
  /** Undefined: recorded as unsigned. */
  keyPath: string | undefined;
  tool: SshTool;
  clock: Clock;
  signal: AbortSignal;
  /** Called with what is decided on, before anything is signed or recorded. */
  show(text: string): void;
};

export type Decided = { record: ApprovalRecord; recorded: Recorded; standing: Standing };

/**
 * One decision from showing to recording: what is shown is what is signed. Throws OperatorError when it would not
 * count, and then nothing is recorded. `standing` is asked after recording, so that a rejection which came in between
 * is seen.
 */
export async function takeDecision(input: Decision): Promise<Decided> {
  const { stateDir, decision, finding, target, clock } = input;
  const presented = presentedText(decision, finding, target);
  input.show(presented);
  const ledger = openLedger(stateDir, { clock });
  try {
    const checkpoint = headOf(await ledger.checkpoint());
    const world = worldOf(stateDir, target, clock);
    const { reason, decider } = input;
    const now = world.now;
    const statement = makeStatement({
      decision,
      finding,
      target,
      reason,
      presented,
      checkpoint,
      now,
      days: DAYS_DEFAULT,
    });
    const hasRoster = world.roster !== undefined;
    const deniedBy = denials(statement, world.entries);
    const ask = (result: SignatureResult) =>
      decide({ statement, decider, signature: result, hasRoster, presented, finding, target, now, deniedBy });
    if (input.keyPath !== undefined) refuse(ask({ status: "good", fingerprint: "", person: null }));
    const signature = await signatureFor(statement, input);
    const checked = await checkSignature(bytesOf(statement), signature, world.roster, input.tool.program);
    refuse(ask(checked));
    const record: ApprovalRecord = { v: 1, statement, decider, signature, presented };
    const recorded = keepRecord(stateDir, ledger, record, signedBy({ decider, signature: checked }));
    await ledger.checkpoint();
    const standing = await verifyApproval(finding, record, worldOf(stateDir, target, clock));
    return { record, recorded, standing };
  } finally {
    await ledger.close();
  }
}

async function signatureFor(statement: Statement, { keyPath, tool, signal }: Decision): Promise<Signature> {
  if (keyPath === undefined) return { status: "unsigned" };
  return { status: "signed", sshsig: await signText(bytesOf(statement), keyPath, tool, signal) };
}

function refuse({ verdict, reason, rule }: ReturnType<typeof decide>): void {
  if (verdict === "counts") return;
  throw new OperatorError(
    `this decision would not count: ${reason}`,
    HINTS[rule] ?? "look at it with weakdoor show ID",
  );
}

const HINTS: Record<string, string> = {
  "key-on-roster": "sign with --key and a key that stands in roster.yaml in the state folder",
  "signature-checked": "install openssh-client",
  "reversal-proved": "only a mitigation whose reversal was run can be approved; follow the advice by hand",
  "deny-wins": "a rejection stands until the finding or its mitigation is another",
  "not-before-issue": "set the machine's clock",
};

/** Size and root, in hex, of a note that our own signer has just made. */
function headOf(note: string): Statement["checkpoint"] {
  const [, size, root] = note.split("\n");
  return { size: Number(size), root: Buffer.from(root ?? "", "base64").toString("hex") };
}
