import { hashOf, sha256Hex } from "../base/hash.ts";
import type { Finding } from "../findings/finding.ts";
import type { Decider, SignatureResult, Statement, TargetState } from "./approval.ts";
import { DAY_MS, DAYS_MAX, findingHash } from "./statement.ts";

/**
 * Whether a decision counts, now. `void`: it is about other bytes or another state than those that are here.
 * `refused`: it is about these, and still does not count.
 */
export type Verdict = { verdict: "counts" | "void" | "refused"; reason: string; rule: string };

export type DecideInput = {
  statement: Statement;
  decider: Decider;
  signature: SignatureResult;
  hasRoster: boolean;
  /** The text that is kept as what was shown. */
  presented: string;
  /** As they are now. */
  finding: Finding;
  target: TargetState;
  /** Not before the newest leaf of the log, so that a clock that was put back does not revive what has expired. */
  now: Date;
  /** Who rejected this same revision of the finding. */
  deniedBy: readonly string[];
};

/** The first rule that speaks, in the order of the table; `counts` when none does. */
export function decide(input: DecideInput): Verdict {
  for (const { rule, verdict, against } of RULES) {
    const reason = against(input);
    if (reason !== undefined) return { verdict, reason, rule };
  }
  return { verdict: "counts", reason: `${input.statement.decision} by ${signedBy(input)}`, rule: "counts" };
}

/** Who stands behind it, and how far that is known. */
export function signedBy({ decider, signature }: Pick<DecideInput, "decider" | "signature">): string {
  if (signature.status === "unsigned") return `${decider.name}, unsigned`;
  if (signature.status !== "good") return `${decider.name}, ${signature.status}`;
  return signature.person === null ? `${decider.name}, key ${signature.fingerprint}` : signature.person;
}

type Rule = {
  rule: string;
  verdict: "void" | "refused";
  /** The reason why it does not count; undefined when this rule has nothing against it. */
  against: (input: DecideInput) => string | undefined;
};

const RULES: Rule[] = [
  {
    rule: "a-person-decides",
    verdict: "refused",
    against: ({ decider }) =>
      when(decider.kind !== "person", `a ${decider.kind} decides nothing, only a person does`),
  },
  {
    rule: "kind-fits-decision",
    verdict: "void",
    against: ({ statement }) =>
      when(statement.kind !== `mitigation.${statement.decision}`, "kind and decision contradict each other"),
  },
  {
    rule: "signature-fits",
    verdict: "void",
    against: ({ signature }) => (signature.status === "bad" ? signature.reason : undefined),
  },
  {
    rule: "signature-checked",
    verdict: "refused",
    against: ({ signature }) =>
      signature.status === "not-checked" ? `its signature was not checked: ${signature.reason}` : undefined,
  },
  {
    rule: "key-on-roster",
    verdict: "refused",
    against: ({ signature, hasRoster }) => {
      if (!hasRoster) return undefined;
      if (signature.status === "stranger") return `the key ${signature.fingerprint} is not on the roster`;
      return when(signature.status === "unsigned", "there is a roster, and it is not signed");
    },
  },
  {
    rule: "same-finding",
    verdict: "void",
    against: ({ statement, finding }) => when(statement.finding !== finding.id, `it is about ${statement.finding}`),
  },
  {
    rule: "same-scripts",
    verdict: "void",
    against: ({ statement, finding: { mitigation } }) => {
      const apply = mitigation === undefined ? null : sha256Hex(mitigation.applyScript);
      const reverse = mitigation === undefined ? null : sha256Hex(mitigation.reverseScript);
      const isSame = statement.applySha256 === apply && statement.reverseSha256 === reverse;
      return when(!isSame, "the scripts are not those it was given for");
    },
  },
  {
    rule: "same-proof",
    verdict: "void",
    against: ({ statement, finding: { mitigation } }) => {
      const proof = mitigation === undefined ? null : hashOf(mitigation.roundTrip);
      return when(statement.roundTripSha256 !== proof, "the proof of reversal is not the one it was given for");
    },
  },
  {
    rule: "same-revision",
    verdict: "void",
    against: ({ statement, finding }) =>
      when(statement.findingSha256 !== findingHash(finding), "the finding has changed since"),
  },
  {
    rule: "same-target",
    verdict: "void",
    against: ({ statement, target }) =>
      when(statement.target !== target.name, `it is about the stack ${statement.target}`),
  },
  {
    rule: "same-state",
    verdict: "void",
    against: ({ statement, target }) =>
      when(statement.snapshotSha256 !== target.snapshotSha256, "the stack has changed since"),
  },
  {
    rule: "same-presentation",
    verdict: "void",
    against: ({ statement, presented }) =>
      when(statement.presentedSha256 !== sha256Hex(presented), "the text kept is not the one that was shown"),
  },
  {
    rule: "short-lived",
    verdict: "refused",
    against: ({ statement }) => {
      const lifeMs = Date.parse(statement.notAfter) - Date.parse(statement.issuedAt);
      return when(!(lifeMs > 0 && lifeMs <= DAYS_MAX * DAY_MS), `it is to last more than ${DAYS_MAX} days, or none`);
    },
  },
  {
    rule: "not-before-issue",
    verdict: "refused",
    against: ({ statement, now }) =>
      when(
        now.getTime() < Date.parse(statement.issuedAt),
        `it is from ${statement.issuedAt}, the clock says earlier`,
      ),
  },
  {
    // A rejection stands until the finding or its mitigation is another.
    rule: "not-expired",
    verdict: "refused",
    against: ({ statement, now }) =>
      when(
        statement.decision === "approve" && now.getTime() >= Date.parse(statement.notAfter),
        `it expired at ${statement.notAfter}`,
      ),
  },
  {
    rule: "reversal-proved",
    verdict: "refused",
    against: ({ statement, finding: { mitigation } }) => {
      if (statement.decision === "reject") return undefined;
      if (mitigation === undefined) return "no mitigation is offered for it";
      const { status } = mitigation.roundTrip;
      return when(status !== "proved", `its reversal is not proved: the round trip was ${status}`);
    },
  },
  {
    rule: "deny-wins",
    verdict: "refused",
    against: ({ statement, deniedBy: [denier] }) =>
      statement.decision === "approve" && denier !== undefined ? `rejected by ${denier}` : undefined,
  },
];

function when(isSo: boolean, reason: string): string | undefined {
  return isSo ? reason : undefined;
}
