import { expect, test } from "vitest";
import { type DecideInput, decide } from "../../src/approval/decide.ts";
import { presentedText } from "../../src/approval/presented.ts";
import { findingHash, makeStatement } from "../../src/approval/statement.ts";
import type { Finding } from "../../src/findings/finding.ts";
import { FINDING, TARGET } from "../support/approval/samples.ts";

const NOW = new Date("2026-11-21T12:00:00.000Z");
const presented = presentedText("approve", FINDING, TARGET);
const common = { finding: FINDING, target: TARGET, reason: "seen and understood", presented, now: NOW, days: 7 };
const checkpoint = { size: 12, root: "c".repeat(64) };

const INPUT: DecideInput = {
  statement: makeStatement({ ...common, decision: "approve", checkpoint }),
  decider: { kind: "person", name: "ada" },
  signature: { status: "good", fingerprint: "SHA256:x", person: "ada" },
  hasRoster: true,
  presented,
  finding: FINDING,
  target: TARGET,
  now: NOW,
  deniedBy: [],
};

test("an approval of what is here, signed by a person of the roster, counts", () => {
  expect(decide(INPUT)).toEqual({ verdict: "counts", reason: "approve by ada", rule: "counts" });
});

const { mitigation } = FINDING;
if (mitigation === undefined) throw new Error("the sample has a mitigation");
const offer = (change: Partial<typeof mitigation>): Finding => ({
  ...FINDING,
  mitigation: { ...mitigation, ...change },
});
const statement = (change: Partial<DecideInput["statement"]>) => ({ statement: { ...INPUT.statement, ...change } });
const unproved = offer({ roundTrip: { status: "refuted", reason: "the finding stayed", steps: [] } });
const { mitigation: _, ...withoutMitigation } = FINDING;

const later = (days: number) => ({ now: new Date(NOW.getTime() + days * 86_400_000) });

test.each<[string, Partial<DecideInput>, string, string]>([
  ["by a model", { decider: { kind: "model", name: "m" } }, "refused", "a-person-decides"],
  ["by a service", { decider: { kind: "service", name: "s" } }, "refused", "a-person-decides"],
  ["by the cycle itself", { decider: { kind: "cycle", name: "c" } }, "refused", "a-person-decides"],
  ["that says reject in one place", statement({ decision: "reject" }), "void", "kind-fits-decision"],
  ["with a signature over other bytes", { signature: { status: "bad", reason: "no" } }, "void", "signature-fits"],
  ["nobody could check", { signature: { status: "not-checked", reason: "no tool" } }, "refused", "signature-checked"],
  [
    "by a key off the roster",
    { signature: { status: "stranger", fingerprint: "SHA256:y" } },
    "refused",
    "key-on-roster",
  ],
  ["unsigned, with a roster", { signature: { status: "unsigned" } }, "refused", "key-on-roster"],
  ["for another finding", statement({ finding: `fp1:${"0".repeat(64)}` }), "void", "same-finding"],
  ["replayed on another finding", { finding: { ...FINDING, id: `fp1:${"1".repeat(64)}` } }, "void", "same-finding"],
  ["with another apply script", { finding: offer({ applyScript: "#!/bin/sh\n" }) }, "void", "same-scripts"],
  ["with another reverse script", { finding: offer({ reverseScript: "#!/bin/sh\n" }) }, "void", "same-scripts"],
  ["whose mitigation is gone", { finding: withoutMitigation }, "void", "same-scripts"],
  ["with another proof", { finding: unproved }, "void", "same-proof"],
  ["with other effects", { finding: offer({ effects: [] }) }, "void", "same-revision"],
  ["with another diff", { finding: offer({ diff: "" }) }, "void", "same-revision"],
  ["with another severity", { finding: { ...FINDING, severity: "low" } }, "void", "same-revision"],
  ["with other evidence", { finding: { ...FINDING, evidence: [] } }, "void", "same-revision"],
  ["on another stack", { target: { ...TARGET, name: "prod" } }, "void", "same-target"],
  ["after the stack changed", { target: { ...TARGET, snapshotSha256: "6".repeat(64) } }, "void", "same-state"],
  ["of which another text was kept", { presented: `${presented} ` }, "void", "same-presentation"],
  ["that is to last a year", statement({ notAfter: "2027-11-21T12:00:00.000Z" }), "refused", "short-lived"],
  ["that ends before it begins", statement({ notAfter: "2026-11-20T12:00:00.000Z" }), "refused", "short-lived"],
  ["under a clock that was put back", later(-1), "refused", "not-before-issue"],
  ["at its last moment", later(7), "refused", "not-expired"],
  ["after someone rejected", { deniedBy: ["grace"] }, "refused", "deny-wins"],
])("an approval %s does not count", (_name, change, verdict, rule) => {
  expect(decide({ ...INPUT, ...change })).toMatchObject({ verdict, rule });
});

test("what moves on without being decided about voids nothing", () => {
  const moved: Finding = { ...FINDING, state: "regressed", lastSeen: NOW.toISOString(), lastCycle: "c-next" };
  expect(decide({ ...INPUT, finding: moved, ...later(6.9) }).verdict).toBe("counts");
  expect(findingHash(moved)).toBe(findingHash(FINDING));
});

test("an unsigned decision counts where there is no roster, and says that it is unsigned", () => {
  const verdict = decide({ ...INPUT, hasRoster: false, signature: { status: "unsigned" } });
  expect(verdict).toEqual({ verdict: "counts", reason: "approve by ada, unsigned", rule: "counts" });
});

test("a mitigation whose reversal is not proved cannot be approved, and can be rejected", () => {
  const about = (decision: "approve" | "reject", finding: Finding): DecideInput => ({
    ...INPUT,
    finding,
    statement: makeStatement({ ...common, finding, decision, checkpoint }),
  });
  for (const finding of [unproved, withoutMitigation]) {
    expect(decide(about("approve", finding))).toMatchObject({ verdict: "refused", rule: "reversal-proved" });
    expect(decide(about("reject", finding)).verdict).toBe("counts");
  }
});

test("a rejection neither expires nor is outdone by another rejection", () => {
  const input = { ...INPUT, statement: makeStatement({ ...common, decision: "reject", checkpoint }) };
  expect(decide({ ...input, ...later(365), deniedBy: ["grace"] }).verdict).toBe("counts");
});

test("what is presented holds all that is approved, and no byte of it can move a cursor or hide", () => {
  for (const part of [
    FINDING.id,
    FINDING.title,
    TARGET.snapshotSha256,
    ...(mitigation.effects ?? []),
    ...mitigation.files,
  ]) {
    expect(presented).toContain(part);
  }
  expect(presented).toContain(INPUT.statement.applySha256);
  expect(presented).toContain(INPUT.statement.reverseSha256);
  const hostile = { ...offer({ diff: "+\u001b[1A\u202eevil\u200b" }), title: "a\nb\u001b[2J" };
  for (const character of ["\u001b", "\u202e", "\u200b"]) {
    expect(presentedText("approve", hostile, TARGET)).not.toContain(character);
  }
});
