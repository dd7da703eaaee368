import { OperatorError } from "../base/errors.ts";
import { bounded, inert, oneLine } from "../base/text.ts";
import type { Finding, MitigationOffer } from "../findings/finding.ts";
import { openStore } from "../store/openStore.ts";
import type { FindingRecord } from "../store/store.ts";
import { requireState, STATE_OPTIONS } from "./state.ts";
import { EXIT, flag, text, type Verb } from "./verb.ts";

const USAGE = "show ID [--script apply|reverse] [--json] [--state DIR]";

/** All that somebody needs who is to approve or reject: shown as text in which nothing is alive. Reads only. */
export const verb: Verb = {
  name: "show",
  summary: "show one finding whole, or print one of its scripts",
  usage: USAGE,
  argumentsMax: 1,
  options: { ...STATE_OPTIONS, script: { type: "string" }, json: { type: "boolean" } },
  async run({ values, positionals: [id], io, cwd }) {
    if (id === undefined) throw new OperatorError("show needs the id of a finding", `usage: weakdoor ${USAGE}`);
    const store = openStore(requireState(values, cwd), { mayCreate: false });
    try {
      const finding = store.finding(id);
      const which = text(values, "script");
      if (which !== undefined) io.out(scriptOf(finding, which).replace(/\n$/, ""));
      else if (flag(values, "json")) io.json(finding);
      else for (const line of linesOf(finding, store.events(finding.id))) io.out(line);
      return EXIT.nothingNew;
    } finally {
      store.close();
    }
  },
};

/** The very bytes, so that `show --script apply > apply.sh` is the file that was proved; they were linted to be printable. */
function scriptOf(finding: Finding, which: string): string {
  if (which !== "apply" && which !== "reverse")
    throw new OperatorError(`there is no script ${bounded(which, 40)}`, "--script apply or --script reverse");
  if (finding.mitigation === undefined)
    throw new OperatorError("this finding has no mitigation with scripts", "weakdoor show tells its advice");
  return which === "apply" ? finding.mitigation.applyScript : finding.mitigation.reverseScript;
}

function linesOf(finding: Finding, events: readonly FindingRecord[]): string[] {
  return [
    `${finding.severity.toUpperCase()}  ${oneLine(finding.title)}`,
    finding.id,
    `${finding.state} · ${finding.category} · ${finding.evidenceClass} · ${finding.weakness}`,
    `seen ${finding.firstSeen} (${finding.firstCycle}) to ${finding.lastSeen} (${finding.lastCycle})`,
    ...section("what it means", [oneLine(finding.explanation, 900)]),
    ...section(
      "route",
      finding.route.map((hop, i) => `${i + 1}. ${oneLine(hop)}`),
    ),
    ...section("blast radius", [
      oneLine(finding.blastRadius.summary, 400),
      ...finding.blastRadius.reaches.map((r) => `- ${oneLine(r)}`),
    ]),
    ...section(
      "evidence",
      finding.evidence.map(
        (e) => `- ${e.observation} from ${oneLine(e.from)}: ${oneLine(e.verdict)}. ${oneLine(e.detail, 600)}`,
      ),
    ),
    ...section(
      "why this severity",
      finding.severityReasons.map((reason) => `- ${oneLine(reason)}`),
    ),
    ...section("references", [finding.references.join(" ")]),
    ...section(
      "the researcher's own words, checked by nobody",
      finding.note === undefined ? [] : [oneLine(finding.note, 600)],
    ),
    ...section("advice", [oneLine(finding.advice, 600)]),
    ...(finding.mitigation === undefined
      ? section("mitigation", ["none with scripts applies here"])
      : offerLines(finding, finding.mitigation)),
    ...section(
      "history",
      events.map(
        (e) =>
          `- ${e.at} ${e.event}: ${e.from ?? "new"} to ${e.to}, by ${oneLine(`${e.actor.kind} ${e.actor.name}`)}${e.reason === "" ? "" : `: ${oneLine(e.reason)}`}`,
      ),
    ),
  ];
}

function offerLines(finding: Finding, offer: MitigationOffer): string[] {
  const { roundTrip } = offer;
  const id = finding.id.slice("fp1:".length, "fp1:".length + 12);
  const isProved = roundTrip.status === "proved";
  return [
    ...section("mitigation", [
      `${offer.id}: ${oneLine(offer.title)}`,
      ...offer.effects.map((effect) => `- ${oneLine(effect)}`),
      ...offer.files.map((file) => `- changes ${oneLine(file)}`),
    ]),
    ...section("what apply changes", inert(offer.diff, offer.diff.length).trimEnd().split("\n")),
    ...section(
      isProved ? "the reversal was run and is proved" : `the reversal is ${roundTrip.status}: not to be approved`,
      [
        ...(roundTrip.reason === "" ? [] : [oneLine(roundTrip.reason, 400)]),
        ...roundTrip.steps.map(
          (s) => `${s.isTrue ? "held" : "FAILED"}  ${s.clone}  ${oneLine(s.step)} (${oneLine(s.detail)})`,
        ),
      ],
    ),
    ...section("next", [
      `weakdoor show ${id} --script apply      the script, whole; --script reverse its undo`,
      ...(isProved ? [`weakdoor approve ${id} --reason TEXT [--key FILE]`] : []),
      `weakdoor reject ${id} --reason TEXT [--key FILE]`,
    ]),
  ];
}

/** Left out when there is nothing in it. */
function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];
}
