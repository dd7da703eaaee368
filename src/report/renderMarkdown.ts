import { count, inert, oneLine } from "../base/text.ts";
import type { Finding } from "../findings/finding.ts";
import { doubts, inOrder, notRun, type Report } from "./report.ts";

/** The report for a pull request or an issue: what matters first, no raw HTML, text of a guest kept inert. */
export function renderMarkdown(report: Report): string {
  return `${[
    `# What the sandbox of ${cell(report.stack.name)} lets through`,
    `weakdoor ${report.weakdoor.version}, cycle \`${report.cycle}\`, ${report.startedAt} to ${report.endedAt}.`,
    trust(report),
    `${count(report.findings.length, "finding")}: ${report.delta.new.length} new, ${report.delta.regressed.length} came back, ${report.delta.resolved.length} resolved, ${report.delta.blind.length} not looked at this time.`,
    findingTable(report),
    ...inOrder(report.findings).map(findingText),
    boundaryTable(report),
    coverage(report),
    drills(report),
    certificates(report),
    `## How to check this report\n\nThe log held ${count(report.ledger.leaves, "leaf", "leaves")}; run \`weakdoor log verify\`. Checkpoint of this cycle:\n\n${fence(report.ledger.checkpoint)}`,
  ].join("\n\n")}\n`;
}

function trust(report: Report): string {
  const open = doubts(report);
  const lines =
    open.length === 0
      ? ["Every trap was seen to catch, every alarm was read back, every sandbox is certified destroyed."]
      : open.map((doubt) => `- **${cell(doubt)}**`);
  return `## Can this be trusted\n\n${lines.join("\n")}\n\nTarget: ${report.target.driver} (${report.target.isolation}). Lab: ${report.lab.driver} (${report.lab.isolation}). Lab within target: ${report.subset.status}.`;
}

function findingTable(report: Report): string {
  const rows = inOrder(report.findings).map(
    (finding) =>
      `| ${finding.severity} | ${cell(finding.title)} | ${finding.evidenceClass} | ${finding.state} | ${proof(finding)} | \`${finding.id.slice(4, 16)}\` |`,
  );
  return [
    "## Findings",
    "",
    "| Severity | Finding | Evidence | State | Reversal | Id |",
    "|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function proof(finding: Finding): string {
  if (finding.mitigation === undefined) return "advice only";
  return finding.mitigation.roundTrip.status;
}

function findingText(finding: Finding): string {
  const evidence = finding.evidence.map(
    (row) => `- \`${row.observation}\` from ${row.from}: ${row.verdict}. ${cell(row.detail)}`,
  );
  const mitigation =
    finding.mitigation === undefined
      ? `What closes it: ${cell(finding.advice)}`
      : `Mitigation: ${cell(finding.mitigation.title)} (round trip ${finding.mitigation.roundTrip.status})\n\n${fence(inert(finding.mitigation.diff, 20_000), "diff")}`;
  return [
    `### ${cell(finding.title)}`,
    `${finding.severity}, ${finding.category}, ${finding.evidenceClass}. ${finding.references.join(", ")}`,
    cell(finding.explanation),
    finding.route.map((hop, index) => `${index + 1}. ${cell(hop)}`).join("\n"),
    `Blast radius: ${cell(finding.blastRadius.summary)}`,
    evidence.join("\n"),
    mitigation,
  ].join("\n\n");
}

function boundaryTable(report: Report): string {
  const rows = report.boundaries.flatMap((boundary) =>
    boundary.categories.map(
      (row) =>
        `| ${boundary.from} | ${row.category} | ${row.intended ?? "not looked"} | ${row.observed ?? ""} | ${row.unexplained ?? ""} |`,
    ),
  );
  return [
    "## Boundary",
    "",
    "| Where | Category | Intended | Observed | Unexplained |",
    "|---|---|--:|--:|--:|",
    ...rows,
  ].join("\n");
}

function coverage(report: Report): string {
  const rows = notRun(report).map(
    (row) => `| \`${row.check}\` | ${row.from} | ${row.status} | ${cell(row.reason)} |`,
  );
  const head = `## Coverage\n\n${report.coverage.length - rows.length} checks ran to the end; these did not:`;
  return rows.length === 0
    ? `${head} none.`
    : [head, "", "| Check | Where | Status | Reason |", "|---|---|---|---|", ...rows].join("\n");
}

function drills(report: Report): string {
  const rows = report.drills.map(
    (drill) =>
      `| ${drill.carrier} | ${drill.status} | ${drill.latencyMs === null ? "" : `${Math.round(drill.latencyMs)} ms`} | ${drill.leaf ?? ""} |`,
  );
  return ["## Drills", "", "| Tripwire | Alarm | Latency | Leaf |", "|---|---|--:|--:|", ...rows].join("\n");
}

function certificates(report: Report): string {
  const rows = report.certificates.map(
    (row) =>
      `- ${row.status === "destroyed" ? "destroyed" : "**UNVERIFIED**"}: \`${row.sandbox}\` (${row.driver}, ${row.role}, ${count(row.looks.length, "look")})`,
  );
  return ["## Certificates of destruction", "", ...rows].join("\n");
}

/** Text for a cell or a line: inert, one line, and none of Markdown's own characters left live. */
function cell(text: string): string {
  return oneLine(text, 1_000).replace(/[\\`*_[\]<>|#!~]/g, (character) => `\\${character}`);
}

/** A fence longer than any run of backticks inside. */
function fence(text: string, language = ""): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const ticks = "`".repeat(longest + 1);
  return `${ticks}${language}\n${text.trimEnd()}\n${ticks}`;
}
