import { count } from "../base/text.ts";
import type { Finding } from "../findings/finding.ts";
import { causesLine } from "../probe/causes.ts";
import { cell, code, fence, table } from "./markdown.ts";
import { doubts, inOrder, notRun, type Report } from "./report.ts";
import { readingsText } from "./sourcesRead.ts";
import { spentText } from "./spent.ts";
import { changeOf, shortId, type Task, taskOf } from "./task.ts";
import { TOOL_LEGEND, toolTables } from "./toolTable.ts";

/** The report for a pull request, an issue or a terminal: what matters first, no raw HTML, text of a guest kept inert. */
export function renderMarkdown(report: Report): string {
  const { stack, weakdoor, cycle, startedAt, endedAt, ledger } = report;
  return `${[
    `# What the sandbox of ${cell(stack.name)} lets through`,
    `weakdoor ${cell(weakdoor.version)}, cycle ${code(cycle)}, ${cell(startedAt)} to ${cell(endedAt)}.`,
    trust(report),
    findings(report),
    ...inOrder(report.findings).map((finding) => findingText(report, finding)),
    boundary(report),
    since(report),
    ...tools(report),
    coverage(report),
    conduct(report),
    clone(report),
    certificates(report),
    `## How to check this report\n\nThe log had ${count(ledger.leaves, "leaf", "leaves")} when this was written; run ${code("weakdoor log verify")}. The checkpoint signed then:\n\n${fence(ledger.checkpoint)}`,
  ].join("\n\n")}\n`;
}

function trust(report: Report): string {
  const { target, lab, subset } = report;
  const open = doubts(report);
  const lines =
    open.length === 0
      ? "Every trap caught, every alarm was read back, every sandbox is certified destroyed."
      : open.map((doubt) => `- **Doubt:** ${cell(doubt)}`).join("\n");
  return `## Can this be trusted\n\n${lines}\n\nTarget: ${cell(target.driver)} (${cell(target.isolation)}). Lab: ${cell(lab.driver)} (${cell(lab.isolation)}). Lab within target: ${subset.status}.`;
}

const TO_DO: Record<Task, string> = {
  decide: "approve or reject",
  "by-hand": "change by hand",
  know: "know it",
  apply: "apply what was approved",
  none: "nothing: decided",
  resolved: "nothing: gone",
};

function findings(report: Report): string {
  const { delta } = report;
  const rows = inOrder(report.findings).map((finding) => [
    finding.severity,
    cell(finding.title),
    changeOf(report, finding) || "as before",
    TO_DO[taskOf(finding)],
    code(shortId(finding)),
  ]);
  const empty = "No weakness of the catalogue was borne out by what was looked at; see Coverage for what was not.";
  const blind = delta.blind.map(({ finding, reason }) => `- ${code(finding.slice(4, 16))} ${cell(reason)}`);
  return [
    "## Findings",
    `${count(report.findings.length, "finding")}: ${delta.new.length} new, ${delta.regressed.length} came back, ${delta.resolved.length} resolved, ${delta.blind.length} not looked at this time.`,
    table(["Severity", "Finding", "Change", "What to do", "Id"], rows, empty),
    ...(blind.length === 0 ? [] : [`Not looked at this time:\n\n${blind.join("\n")}`]),
  ].join("\n\n");
}

function findingText(report: Report, finding: Finding): string {
  const evidence = finding.evidence.map(
    (row) => `- ${code(row.observation)} from ${cell(row.from)}: ${cell(row.verdict)}. ${cell(row.detail)}`,
  );
  return [
    `### ${cell(finding.title)}`,
    `${finding.severity}, ${finding.category}, ${finding.evidenceClass}, ${finding.state}. ${cell(finding.references.join(", "))}`,
    cell(finding.explanation),
    finding.route.map((hop, index) => `${index + 1}. ${cell(hop)}`).join("\n"),
    `Blast radius: ${cell(finding.blastRadius.summary)}`,
    evidence.join("\n"),
    ...(finding.note === undefined ? [] : [`Note of the researcher, as plain text: ${cell(finding.note)}`]),
    closing(report, finding),
  ].join("\n\n");
}

function closing(report: Report, { id, advice, mitigation }: Finding): string {
  if (mitigation === undefined) {
    const reasons = report.withoutMitigation.find((row) => row.finding === id)?.reasons ?? [];
    const why = reasons.map((reason) => `\n- The catalogue's mitigation could not be offered: ${cell(reason)}`);
    return `What closes it: ${cell(advice)}${why.length === 0 ? "" : `\n${why.join("")}`}`;
  }
  const { title, roundTrip, diff } = mitigation;
  const proof =
    roundTrip.status === "proved"
      ? "its reversal was run and proved"
      : `not offered for approval, the round trip was ${roundTrip.status}: ${cell(roundTrip.reason)}`;
  return `What closes it: ${cell(title)} (${proof})${diff === "" ? "" : `\n\n${fence(diff, "diff")}`}`;
}

function boundary({ boundaries }: Report): string {
  const rows = boundaries.flatMap(({ from, categories }) =>
    categories.map((row) => [
      from,
      row.category,
      row.intended ?? "–",
      row.observed ?? "–",
      row.unexplained ?? "–",
      row.notLooked === "" ? "" : `not looked: ${cell(row.notLooked)}`,
    ]),
  );
  const columns = ["Where", "Category", "#Intended", "#Observed", "#Unexplained", ""];
  return `## Boundary\n\n${table(columns, rows, "No boundary was measured.")}`;
}

function since({ drift }: Report): string {
  const title = "## Since the last accepted cycle";
  if (drift.since === null) return `${title}\n\nThere was none of this stack here.`;
  const rows = drift.views.flatMap(({ from, widened, narrowed, moved, unknown }) =>
    Object.entries({ widened, narrowed, moved, unknown }).flatMap(([kind, changes]) =>
      changes.map((row) => [
        from,
        kind,
        code(row.id),
        cell(row.before),
        cell(row.after),
        cell(causesLine(row.causes)),
        kind === "widened" && row.approved === undefined ? "approved by nobody" : cell(row.approved?.why ?? row.why),
      ]),
    ),
  );
  const causes = drift.causes.map(({ what }) => code(what)).join(", ");
  const columns = ["Where", "Change", "Observation", "Before", "Now", "May be caused by", ""];
  const why = drift.why === "" ? "" : `: ${cell(drift.why)}`;
  return `${title}\n\nCompared with ${code(drift.since)}${why}. What else differs: ${causes === "" ? "nothing that is recorded" : causes}.\n\n${table(columns, rows, "Nothing changed.")}`;
}

/** Left out when no agent was driven: why not stands under coverage. */
function tools({ observations }: Report): string[] {
  const tables = toolTables(observations).map(({ agent, capabilities, rows }) => {
    const cells = rows.map((row) => [code(row.path), ...row.cells]);
    return `### ${cell(agent)}\n\n${table(["Path", ...capabilities.map(code)], cells, "Nothing was measured.")}`;
  });
  return tables.length === 0 ? [] : ["## What each path of the agents can do", TOOL_LEGEND, ...tables];
}

function coverage(report: Report): string {
  const missing = notRun(report);
  const rows = missing.map((row) => [code(row.check), row.from, row.status, cell(row.reason)]);
  const ran = count(report.coverage.length - missing.length, "check");
  return `## Coverage\n\n${ran} ran to the end; these did not:\n\n${table(["Check", "Where", "Status", "Reason"], rows, "None.")}`;
}

function conduct({ drills, research, egress }: Report): string {
  const rang = drills.map(({ carrier, status, latencyMs, leaf, detail }) => [
    cell(carrier),
    status,
    latencyMs === null ? "" : `${Math.round(latencyMs)} ms`,
    leaf ?? "",
    cell(detail),
  ]);
  const left = egress.map((row) => [
    code(row.sandbox),
    code(row.authority),
    row.allowed,
    row.denied,
    row.bytesUp,
    row.bytesDown,
    cell(row.reasons.join("; ")),
  ]);
  return [
    "## Drills, researcher and egress",
    table(["Tripwire", "Alarm", "#Latency", "#Leaf", "Detail"], rang, "No tripwire was drilled."),
    `Researcher: ${cell(research.mode)}, ended as: ${cell(research.end)}. ${count(research.candidates, "candidate")} handed in; ${count(research.accepted, "finding")} borne out; ${count(research.refused.length, "claim")} refused.`,
    ...(research.spent === null ? [] : [cell(spentText(research.spent))]),
    ...sourcesRead(research),
    table(
      ["Sandbox", "Host", "#Allowed", "#Denied", "#Bytes up", "#Bytes down", "Reasons"],
      left,
      "Nothing asked to leave.",
    ),
  ].join("\n\n");
}

/** Nothing at all when no source was asked for. */
function sourcesRead({ sources, readings, citations }: Report["research"]): string[] {
  if (sources.length === 0) return [];
  const rows = sources.map((row) => [
    code(row.source),
    row.fetched,
    row.notModified,
    row.copies,
    row.excerpts,
    row.failed + row.unfit,
    row.asOf === null ? "not read" : `${cell(row.asOf.slice(0, 10))}${row.isStale ? " (stale)" : ""}`,
    cell(row.reason),
  ]);
  const cited = citations.map((row) => [
    code(row.weakness),
    `${code(row.source)} ${cell(row.document)}`,
    cell(row.question),
    cell(row.quote),
    code(row.sha256.slice(0, 16)),
  ]);
  const columns = [
    "Source",
    "#Fetched",
    "#Unchanged",
    "#From the copy",
    "#Excerpt",
    "#Not read",
    "As of",
    "Last reason",
  ];
  const said = readingsText(readings);
  return [
    table(columns, rows, ""),
    ...(said === "" ? [] : [cell(said)]),
    ...(cited.length === 0 ? [] : [table(["Weakness", "Document", "Question", "Quotation", "Text"], cited, "")]),
  ];
}

function clone({ clone: { replaced, skipped, proof } }: Report): string {
  return `## Clone\n\n${count(replaced.length, "credential value")} replaced by traceable fakes, ${count(skipped.length, "file")} not copied. The proof scan read ${count(proof.files, "file")} for ${count(proof.values, "harvested value")} and found none.`;
}

function certificates({ certificates: rows }: Report): string {
  const lines = rows.map(
    ({ status, sandbox, driver, role, looks }) =>
      `- ${status === "destroyed" ? "destroyed" : "**UNVERIFIED**"}: ${code(sandbox)} (${driver}, ${role}, ${count(looks.length, "look")})`,
  );
  return `## Certificates of destruction\n\n${lines.length === 0 ? "There is none." : lines.join("\n")}`;
}
