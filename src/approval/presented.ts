import { sha256Hex } from "../base/hash.ts";
import { inert, oneLine } from "../base/text.ts";
import type { Finding } from "../findings/finding.ts";
import type { Choice, TargetState } from "./approval.ts";

/**
 * What a person is shown before deciding, as the text whose hash they sign. Whatever came out of a sandbox or a file
 * is made inert: no escape sequence, no bidi or zero-width character can make it read as something else.
 */
export function presentedText(decision: Choice, finding: Finding, target: TargetState): string {
  const lines = [
    `${decision.toUpperCase()} the mitigation of`,
    `  ${oneLine(finding.title)}`,
    `  ${finding.id}`,
    `  severity ${finding.severity} (${finding.severityReasons.map((reason) => oneLine(reason)).join("; ")}), ${finding.evidenceClass}`,
    `  on stack ${oneLine(target.name)}, snapshot ${target.snapshotSha256}`,
    "evidence",
    ...finding.evidence.map(
      (row) => `  ${oneLine(row.observation)} ${row.from} ${row.verdict}: ${oneLine(row.detail)}`,
    ),
    ...offerLines(finding),
  ];
  return `${lines.join("\n")}\n`;
}

function offerLines({ mitigation, advice }: Finding): string[] {
  if (mitigation === undefined)
    return ["no mitigation with a proved reversal is offered", `  advice: ${oneLine(advice, 600)}`];
  const { roundTrip } = mitigation;
  const held = roundTrip.steps.filter((step) => step.isTrue).length;
  return [
    `mitigation ${oneLine(mitigation.id)}: ${oneLine(mitigation.title)}`,
    ...list("effect", mitigation.effects),
    ...list("changes", mitigation.files),
    `  apply.sh   sha256 ${sha256Hex(mitigation.applyScript)}`,
    `  reverse.sh sha256 ${sha256Hex(mitigation.reverseScript)}`,
    `  round trip ${roundTrip.status}, ${held} of ${roundTrip.steps.length} steps held${because(roundTrip.reason)}`,
    "diff",
    ...inert(mitigation.diff.trimEnd(), mitigation.diff.length)
      .split("\n")
      .map((line) => `  ${line}`),
  ];
}

function list(label: string, items: readonly string[]): string[] {
  return items.map((item) => `  ${label}: ${oneLine(item)}`);
}

function because(reason: string): string {
  return reason === "" ? "" : `: ${oneLine(reason)}`;
}
