import { z } from "zod";
import { Fingerprint } from "../findings/finding.ts";

/**
 * An approval: a person's decision on one mitigation, bound to the exact bytes decided on and to the exact state they
 * were proved for. A `Statement` says what is decided (`statement.ts`); its canonical JSON is what the person signs
 * with their own SSH key (`sign.ts`); `decide.ts` says whether it counts; `record.ts` keeps it as a file and a leaf of
 * the log; `standing.ts` asks again, later, whether it still counts. One changed byte voids it. Nothing is applied
 * here: a person, or their own deployment, runs the scripts.
 */

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const Choice = z.enum(["approve", "reject"]);
export type Choice = z.infer<typeof Choice>;

export const Statement = z.strictObject({
  v: z.literal(1),
  kind: z.enum(["mitigation.approve", "mitigation.reject"]),
  decision: Choice,
  finding: Fingerprint,
  /** Over what identifies the finding, its evidence, severity and mitigation; not over its state or when it was seen. */
  findingSha256: Sha256,
  /** Of the offered mitigation; null where none is offered, which only a rejection can name. */
  applySha256: Sha256.nullable(),
  reverseSha256: Sha256.nullable(),
  roundTripSha256: Sha256.nullable(),
  /** Logical name of the stack. */
  target: z.string().max(200),
  /** The stack's snapshot that the finding and the proof are about. */
  snapshotSha256: Sha256,
  reason: z.string().min(1).max(1_000),
  /** ISO 8601 */
  issuedAt: z.iso.datetime(),
  notAfter: z.iso.datetime(),
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
  /** The log as it stood: an approval cannot be dated back before it. Root in hex. */
  checkpoint: z.strictObject({ size: z.int().nonnegative(), root: Sha256 }),
  /** Of the text that was shown to the person. */
  presentedSha256: Sha256,
});
export type Statement = z.infer<typeof Statement>;

/** Who decided. Any kind can be written down; only `person` ever counts. */
export const Decider = z.strictObject({ kind: z.string().max(20), name: z.string().min(1).max(200) });
export type Decider = z.infer<typeof Decider>;

export const Signature = z.discriminatedUnion("status", [
  /** The armoured SSHSIG. */
  z.strictObject({ status: z.literal("signed"), sshsig: z.string().max(16 * 1024) }),
  z.strictObject({ status: z.literal("unsigned") }),
]);
export type Signature = z.infer<typeof Signature>;

/** What is kept of one decision, whole. */
export const ApprovalRecord = z.strictObject({
  v: z.literal(1),
  statement: Statement,
  decider: Decider,
  signature: Signature,
  /** The text that was shown. */
  presented: z.string().max(512 * 1024),
});
export type ApprovalRecord = z.infer<typeof ApprovalRecord>;

/** The stack as it is now. */
export type TargetState = {
  name: string;
  snapshotSha256: string;
};

/** What looking at a signature showed. */
export type SignatureResult =
  /** `person` is the roster's id of the key's owner, null without a roster. */
  | { status: "good"; fingerprint: string; person: string | null }
  | { status: "bad"; reason: string }
  /** Fits, by a key that the roster does not hold. */
  | { status: "stranger"; fingerprint: string }
  | { status: "unsigned" }
  /** There was no looking, so it does not count. */
  | { status: "not-checked"; reason: string };
