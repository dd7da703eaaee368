import { OperatorError } from "../base/errors.ts";
import { count, oneLine } from "../base/text.ts";
import type { Stored } from "../ledger/entry.ts";
import { ledgerDirectory } from "../ledger/open.ts";
import { proveLeaves } from "../ledger/prove.ts";
import { readEntries } from "../ledger/store.ts";
import { type Verification, verifyLedger } from "../ledger/verify.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, type Io, text, type Verb, type VerbInput } from "./verb.ts";

const USAGE =
  "log show [--cycle ID] | verify [--key KEY] | prove SEQ|CYCLE|FINDING [--key KEY]  [--json] [--state DIR]";

/** Reads the append-only log; writes nothing. */
export const verb: Verb = {
  name: "log",
  summary: "show the log, check that it is whole, or prove that one leaf is in it",
  usage: USAGE,
  argumentsMax: 2,
  options: {
    ...STATE_OPTIONS,
    cycle: { type: "string" },
    key: { type: "string" },
    json: { type: "boolean" },
  },
  async run({ values, positionals, io, cwd }) {
    const stateDir = requireState(values, cwd);
    const [what, which] = positionals;
    switch (what) {
      case "show":
        return show(stateDir, values, io);
      case "verify":
        return verify(stateDir, values, io);
      case "prove":
        return prove(stateDir, which, values, io);
      case undefined:
      default:
        throw new OperatorError("log needs show, verify or prove", `usage: weakdoor ${USAGE}`);
    }
  },
};

type Values = VerbInput["values"];

function show(stateDir: string, values: Values, io: Io): number {
  const cycle = text(values, "cycle");
  const entries = readEntries(ledgerDirectory(stateDir)).filter(
    ({ leaf }) => cycle === undefined || leaf.cycle === cycle,
  );
  if (flag(values, "json")) io.json(entries);
  else if (entries.length === 0)
    io.out(cycle === undefined ? "the log is empty" : `the log has nothing of cycle ${cycle}`);
  else for (const { leaf, payload } of entries) io.out(lineOf(leaf, payload));
  return EXIT.nothingNew;
}

/** A payload may hold words of a guest or a model: shown on one line, with nothing that moves a cursor. */
function lineOf(leaf: Stored["leaf"], payload: Stored["payload"]): string {
  const who = `${leaf.actor.kind} ${leaf.actor.name}`;
  return [
    String(leaf.seq).padStart(5),
    leaf.t,
    oneLine(leaf.kind, 40).padEnd(22),
    oneLine(who, 40).padEnd(16),
    oneLine(JSON.stringify(payload), 160),
  ].join("  ");
}

function verify(stateDir: string, values: Values, io: Io): number {
  const result = verifyLedger(stateDir, text(values, "key"));
  if (flag(values, "json")) io.json(result);
  else for (const line of verdictLines(result)) io.out(line);
  return result.status === "ok" ? EXIT.nothingNew : EXIT.logOrPreflight;
}

function verdictLines(result: Verification): string[] {
  if (result.status === "broken") return [`the log is broken at ${result.where}: ${result.what}`];
  const unsigned = result.leaves - result.signedLeaves;
  return [
    `the log is whole: ${count(result.leaves, "leaf", "leaves")}, ${count(result.checkpoints, "checkpoint")}`,
    `root ${result.root}`,
    result.key === null ? "nothing is signed yet" : `key  ${result.key}`,
    ...(unsigned > 0
      ? [`the last ${count(unsigned, "leaf", "leaves")} came after the last checkpoint: not yet signed`]
      : []),
  ];
}

function prove(stateDir: string, which: string | undefined, values: Values, io: Io): number {
  if (which === undefined)
    throw new OperatorError("prove needs a leaf, a cycle or a finding", `usage: weakdoor ${USAGE}`);
  const proofs = proveLeaves(stateDir, wantedBy(which), text(values, "key"));
  if (proofs.length === 0)
    throw new OperatorError(`the log has no leaf for ${oneLine(which)}`, "see weakdoor log show");
  if (flag(values, "json")) io.json(proofs);
  else
    io.out(
      proofs
        .map((proof) => proof.text)
        .join("\n")
        .trimEnd(),
    );
  return EXIT.nothingNew;
}

/** A seq, the id of a cycle, or the fingerprint of a finding, also without `fp1:` and cut short to 6 digits or more. */
function wantedBy(which: string): (stored: Stored) => boolean {
  if (/^\d{1,5}$/.test(which)) return ({ leaf }) => leaf.seq === Number(which);
  const isFinding = /^(fp1:)?[0-9a-f]{6,64}$/.test(which);
  const fingerprint = which.startsWith("fp1:") ? which : `fp1:${which}`;
  return ({ leaf, payload }) => {
    if (leaf.cycle === which || String(leaf.seq) === which) return true;
    return isFinding && typeof payload.finding === "string" && payload.finding.startsWith(fingerprint);
  };
}
