import { count, inert } from "../base/text.ts";
import { anchor, findingCard } from "./findingHtml.ts";
import { type Html, h, nothing } from "./html.ts";
import { doubts, inOrder, notRun, type Report } from "./report.ts";
import { boundarySection, certificateSection, cloneSection, conductSection, trustSection } from "./sectionsHtml.ts";
import { STYLE } from "./style.ts";

/** The whole report as one file: no script, no request, readable from `file://`. Pure: same report, same bytes. */
export function renderHtml(report: Report): string {
  const findings = inOrder(report.findings);
  const title = `weakdoor: ${report.stack.name}, ${report.startedAt.slice(0, 10)}`;
  return `<!doctype html>\n${
    h`<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title><style>${{ html: STYLE }}</style></head><body><main>
${head(report)}
${trustSection(report)}
${deltaSection(report)}
<h2 id="findings">Findings</h2>
${findings.length === 0 ? h`<p>No weakness of the catalogue was borne out by what was looked at. What was not looked at stands under <a href="#coverage">coverage</a>.</p>` : nothing}
${findings.map((finding) => findingCard(finding, report.delta.new.includes(finding.id) ? "new" : report.delta.regressed.includes(finding.id) ? "came back" : ""))}
${boundarySection(report)}
${coverageSection(report)}
${conductSection(report)}
${cloneSection(report)}
${certificateSection(report)}
${foot(report)}
</main></body></html>`.html
  }\n`;
}

function head(report: Report): Html {
  const worst = inOrder(report.findings)[0];
  const open = doubts(report).length;
  return h`<header><p class="soft small">weakdoor ${report.weakdoor.version} · cycle <code>${report.cycle}</code> · ${report.startedAt} to ${report.endedAt}</p>
<h1>What the sandbox of ${report.stack.name} lets through</h1>
<div class="numbers"><div><b>${report.findings.length}</b>${report.findings.length === 1 ? "finding" : "findings"}${worst === undefined ? "" : `, worst ${worst.severity}`}</div>
<div><b>${report.delta.new.length}</b>new</div><div><b>${report.delta.regressed.length}</b>came back</div><div><b>${report.delta.resolved.length}</b>resolved</div>
<div><b>${notRun(report).length}</b>checks that did not simply run</div><div><b>${open}</b>${open === 1 ? "doubt" : "doubts"} about this report</div></div>
<nav class="small"><a href="#trust">Can this be trusted</a><a href="#findings">Findings</a><a href="#boundary">Boundary</a><a href="#coverage">Coverage</a><a href="#conduct">Conduct</a><a href="#clone">Clone</a><a href="#end">Certificates</a></nav></header>`;
}

function deltaSection({ delta, findings }: Report): Html {
  const title = (id: string) => {
    const finding = findings.find((candidate) => candidate.id === id);
    return finding === undefined
      ? h`<code>${id.slice(0, 16)}</code>`
      : h`<a href="#${anchor(finding)}">${inert(finding.title)}</a>`;
  };
  const rows = [
    ["New", delta.new],
    ["Came back", delta.regressed],
    ["Resolved, by the same check", delta.resolved],
    ["Not looked at this time", delta.blind.map((row) => row.finding)],
  ] as const;
  const shown = rows.filter(([, ids]) => ids.length > 0);
  return h`<h2>Since the last cycle</h2>
${shown.length === 0 ? h`<p>Nothing changed: ${count(delta.unchanged.length, "finding")} as before.</p>` : nothing}
${shown.map(([name, ids]) => h`<h4>${name} (${ids.length})</h4><ul>${ids.map((id) => h`<li>${title(id)}</li>`)}</ul>`)}`;
}

function coverageSection(report: Report): Html {
  const ran = report.coverage.length - notRun(report).length;
  return h`<h2 id="coverage">Coverage</h2><p>${count(ran, "check")} ran to the end. What did not is listed here; it is neither good news nor bad.</p>
<table><thead><tr><th>Check</th><th>Where</th><th>Status</th><th>Reason</th></tr></thead><tbody>
${notRun(report).map((row) => h`<tr><td><code>${row.check}</code></td><td>${row.from}</td><td>${row.status}</td><td>${inert(row.reason, 400)}</td></tr>`)}
</tbody></table>
<details><summary>The ${ran} checks that ran</summary><p class="small">${report.coverage
    .filter((row) => row.status === "ran")
    .map((row) => `${row.check} (${row.from})`)
    .join(", ")}</p></details>`;
}

function foot(report: Report): Html {
  const total = report.timings.reduce((sum, { ms }) => sum + ms, 0);
  const sandboxes = report.timings.reduce((sum, { sandboxMs }) => sum + sandboxMs, 0);
  return h`<h2>How long it took, and how to check this report</h2>
<p>${(total / 1000).toFixed(1)} s, of which ${(sandboxes / 1000).toFixed(1)} s inside or waiting for sandboxes.</p>
<details><summary>Step by step</summary><table><thead><tr><th>Step</th><th class="n">ms</th><th class="n">of it sandboxes</th></tr></thead><tbody>
${report.timings.map((row) => h`<tr><td>${row.step}</td><td class="n">${Math.round(row.ms)}</td><td class="n">${Math.round(row.sandboxMs)}</td></tr>`)}</tbody></table></details>
<p>Every step is a leaf of an append-only log of ${report.ledger.leaves} leaves. <code>weakdoor log verify</code> recomputes it; the checkpoint signed at the end of this cycle was:</p>
<pre>${report.ledger.checkpoint}</pre>
<p class="small soft">ATT&amp;CK and ATLAS ids refer to knowledge bases of The MITRE Corporation, OWASP ids to lists of the OWASP Foundation, CWE ids to MITRE's list; their texts are not reproduced here.
Explanations are weakdoor's own. Kernel ${report.stack.kernel}; node ${report.weakdoor.node}; configuration ${report.weakdoor.config.slice(0, 16)}; snapshot ${report.stack.snapshot.slice(0, 16)}.</p>`;
}
