import type { Finding, MitigationOffer } from "../findings/finding.ts";
import { folded, type Html, h, list, nothing, table } from "./html.ts";
import type { Report } from "./report.ts";
import { changeOf, shortId, type Task, taskOf } from "./task.ts";

/** All findings on one screen: how bad, what, what changed, what is asked of the reader. */
export function findingTable(report: Report, findings: readonly Finding[]): Html {
  const rows = findings.map((finding) => [
    severity(finding),
    h`<a href="#${anchor(finding)}">${finding.title}</a>`,
    changeOf(report, finding) || h`<span class="soft">as before</span>`,
    SHORT[taskOf(finding)],
  ]);
  const empty = "No weakness of the catalogue was borne out by what was looked at.";
  return table(["Severity", "Finding", "Change", "What to do"], rows, empty);
}

/** One finding as a card: what it is, how one gets there, what was seen, what closes it, and how to decide. */
export function findingCard(report: Report, finding: Finding): Html {
  const { blastRadius, evidence, evidenceClass, mitigation, note, references, route } = finding;
  const change = changeOf(report, finding);
  const without = report.withoutMitigation.find((row) => row.finding === finding.id)?.reasons ?? [];
  return h`<article class="${finding.severity}" id="${anchor(finding)}">
<h3>${finding.title}</h3>
<p class="small">${severity(finding)} <span class="tag">${evidenceClass}</span> <span class="tag">${finding.state}</span>${change === "" ? nothing : h` <span class="tag strong">${change}</span>`} <span class="soft">${finding.category}</span></p>
<p>${finding.explanation}</p>
<h4>How one gets there</h4><ol>${route.map((hop) => h`<li>${hop}</li>`)}</ol>
<h4>What it reaches</h4><p>${blastRadius.summary}</p>
${blastRadius.reaches.length === 0 ? nothing : list(blastRadius.reaches.map((reach) => h`<code>${reach}</code>`))}
<h4>What was seen</h4>
${table(
  ["Observation", "Seen from", "Verdict", "Detail"],
  evidence.map((row) => [h`<code>${row.observation}</code>`, row.from, row.verdict, row.detail]),
  "Nothing.",
)}
${note === undefined ? nothing : h`<h4>Note of the researcher, as plain text</h4><blockquote>${note}</blockquote>`}
${mitigation === undefined ? advice(finding, without) : offer(finding, mitigation)}
<p class="task">${SENTENCE[taskOf(finding)]}${taskOf(finding) === "decide" ? commands(finding) : nothing}</p>
${folded(
  h`Why ${finding.severity}, references, identity`,
  h`${list(finding.severityReasons)}<p class="small">${references.join(" · ")}</p>
<p class="small soft"><code>${finding.id}</code><br>First seen ${finding.firstSeen} in <code>${finding.firstCycle}</code>, last seen ${finding.lastSeen} in <code>${finding.lastCycle}</code>.</p>`,
)}
</article>`;
}

export function anchor(finding: Finding): string {
  return `f-${shortId(finding)}`;
}

function severity(finding: Finding): Html {
  return h`<span class="tag ${finding.severity}">${finding.severity}</span>`;
}

const SHORT: Record<Task, string> = {
  decide: "Approve or reject",
  "by-hand": "Change by hand",
  know: "Know it",
  apply: "Apply: approved",
  none: "Nothing: decided",
  resolved: "Nothing: gone",
};

const SENTENCE: Record<Task, string> = {
  decide: "Decide: the mitigation and its reversal were run and proved in a clone. ",
  "by-hand": "Change it by hand; the next cycle looks again.",
  know: "Nothing is asked for; it is told so that it is known.",
  apply: "Approved and still there. weakdoor applies nothing: hand apply.sh to whoever runs the stack.",
  none: "A person decided that nothing is to be done.",
  resolved: "Gone: the same check ran and did not see it any more.",
};

function commands(finding: Finding): Html {
  const id = shortId(finding);
  return h`<br><code>weakdoor approve ${id} --reason "…" --key ~/.ssh/id_ed25519</code><br><code>weakdoor reject ${id} --reason "…"</code>`;
}

function advice(finding: Finding, reasons: readonly string[]): Html {
  return h`<h4>What closes it</h4><p>${finding.advice}</p>
${reasons.length === 0 ? h`<p class="small soft">The catalogue has no automated mitigation for it.</p>` : h`<p class="small soft">The catalogue's mitigation could not be offered here:</p>${list(reasons)}`}`;
}

function offer(
  finding: Finding,
  { title, roundTrip, effects, diff, applyScript, reverseScript }: MitigationOffer,
): Html {
  const held = roundTrip.steps.filter((step) => step.isTrue).length;
  const proof =
    roundTrip.status === "proved"
      ? h`<p class="good">Reversal proved: ${held} of ${roundTrip.steps.length} steps held on fresh clones.</p>`
      : h`<p class="bad">Not offered for approval, the round trip was ${roundTrip.status}: ${roundTrip.reason}</p><p>${finding.advice}</p>`;
  const steps = roundTrip.steps.map((step) => [
    step.clone,
    step.step,
    step.isTrue ? h`<span class="good">held</span>` : h`<span class="bad">did not hold</span>`,
    step.detail,
  ]);
  return h`<h4>What closes it: ${title}</h4>${proof}
${effects.length === 0 ? nothing : h`<p>It also means:</p>${list(effects)}`}
${diff === "" ? nothing : h`<pre>${diff}</pre>`}
${folded("The steps of the round trip", table(["Clone", "Step", "Held", "Detail"], steps, "None was run."))}
${folded("apply.sh", h`<pre>${applyScript}</pre>`)}
${folded("reverse.sh", h`<pre>${reverseScript}</pre>`)}`;
}
