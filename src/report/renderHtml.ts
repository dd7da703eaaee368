import { count } from "../base/text.ts";
import { driftSection } from "./driftHtml.ts";
import { findingCard, findingTable } from "./findingHtml.ts";
import { frontPage } from "./frontHtml.ts";
import { type Html, h } from "./html.ts";
import { inOrder, type Report } from "./report.ts";
import {
  boundarySection,
  certificateSection,
  checkingSection,
  cloneSection,
  conductSection,
  coverageSection,
  toolSection,
  trustSection,
} from "./sectionsHtml.ts";
import { STYLE } from "./style.ts";

/** The whole report as one file: no script, no request, readable from `file://`. Pure: same report, same bytes. */
export function renderHtml(report: Report): string {
  const style: Html = { html: STYLE };
  return `<!doctype html>\n${
    h`<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<title>weakdoor: ${report.stack.name}, ${report.startedAt.slice(0, 10)}</title><style>${style}</style></head><body><main>
${frontPage(report)}
${findingsSection(report)}
${trustSection(report)}
${boundarySection(report)}
${driftSection(report)}${toolSection(report)}
${coverageSection(report)}
${conductSection(report)}
${cloneSection(report)}
${certificateSection(report)}
${checkingSection(report)}
</main></body></html>`.html
  }\n`;
}

function findingsSection(report: Report): Html {
  const findings = inOrder(report.findings);
  const blind = report.delta.blind.map(({ finding, reason }) => {
    const title = findings.find(({ id }) => id === finding)?.title ?? finding.slice(0, 16);
    return h`<li>${title}: ${reason}</li>`;
  });
  return h`<h2 id="findings">${count(findings.length, "finding")}</h2>
${findingTable(report, findings)}
<p class="small soft">Only what is under <a href="#coverage">coverage</a> was looked at; what was not looked at is neither good news nor bad.</p>
${blind.length === 0 ? "" : h`<h4>Known from before, and not looked at this time</h4><ul>${blind}</ul>`}
${findings.map((finding) => findingCard(report, finding))}`;
}
