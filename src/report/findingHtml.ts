import { inert } from "../base/text.ts";
import type { Finding, MitigationOffer } from "../findings/finding.ts";
import { type Html, h, nothing } from "./html.ts";

/** One finding as a card: what it is, how one gets there, what was seen, what closes it, and how to decide. */
export function findingCard(finding: Finding, badge: string): Html {
  return h`<article class="card band ${finding.severity}" id="${anchor(finding)}">
<p class="small"><span class="tag ${finding.severity}">${finding.severity}</span><span class="tag">${finding.evidenceClass}</span>
<span class="tag">${finding.state}</span>${badge === "" ? nothing : h`<span class="tag">${badge}</span>`}<span class="soft">${finding.category}</span></p>
<h3>${inert(finding.title)}</h3>
<p>${inert(finding.explanation, 900)}</p>
<h4>Route</h4><ol>${finding.route.map((hop) => h`<li>${inert(hop)}</li>`)}</ol>
<h4>Blast radius</h4><p>${inert(finding.blastRadius.summary)}</p>
${finding.blastRadius.reaches.length > 0 ? h`<ul>${finding.blastRadius.reaches.map((reach) => h`<li><code>${inert(reach)}</code></li>`)}</ul>` : nothing}
<h4>Evidence</h4>
<table><thead><tr><th>Observation</th><th>Seen from</th><th>Verdict</th><th>Detail</th></tr></thead><tbody>
${finding.evidence.map((row) => h`<tr><td><code>${row.observation}</code></td><td>${row.from}</td><td>${row.verdict}</td><td>${inert(row.detail, 600)}</td></tr>`)}
</tbody></table>
${finding.mitigation === undefined ? advice(finding) : mitigation(finding, finding.mitigation)}
<details><summary>Why ${finding.severity}, references, identity</summary>
<ul>${finding.severityReasons.map((reason) => h`<li>${reason}</li>`)}</ul>
<p class="small">${finding.references.join(" · ")}</p>
<p class="small soft"><code>${finding.id}</code><br>first seen ${finding.firstSeen} in ${finding.firstCycle}, last seen ${finding.lastSeen}</p></details>
</article>`;
}

export function anchor(finding: Finding): string {
  return `f-${finding.id.slice(4, 16)}`;
}

function advice(finding: Finding): Html {
  return h`<h4>What closes it</h4><p>${inert(finding.advice, 600)}</p>
<p class="small soft">No automated mitigation is offered for this one, so none with a proved reversal either.</p>`;
}

function mitigation(finding: Finding, offer: MitigationOffer): Html {
  const { roundTrip } = offer;
  const steps = roundTrip.steps.filter((step) => step.isTrue).length;
  const proof =
    roundTrip.status === "proved"
      ? h`<p class="good">Reversal proved: ${steps} of ${roundTrip.steps.length} steps held on two fresh clones.</p>`
      : h`<p class="bad">Not offered for approval: the round trip was ${roundTrip.status}. ${inert(roundTrip.reason)}</p>`;
  const id = finding.id.slice(4, 16);
  return h`<h4>Mitigation: ${offer.title}</h4>${proof}
${offer.effects.length > 0 ? h`<p>It also means:</p><ul>${offer.effects.map((effect) => h`<li>${effect}</li>`)}</ul>` : nothing}
<pre>${inert(offer.diff, 64 * 1024)}</pre>
<details><summary>The ${roundTrip.steps.length} steps of the round trip</summary><table><tbody>
${roundTrip.steps.map((step) => h`<tr><td>${step.clone}</td><td>${step.step}</td><td>${step.isTrue ? h`<span class="good">held</span>` : h`<span class="bad">did not hold</span>`}</td><td>${inert(step.detail)}</td></tr>`)}
</tbody></table></details>
<details><summary>apply.sh</summary><pre>${inert(offer.applyScript, 64 * 1024)}</pre></details>
<details><summary>reverse.sh</summary><pre>${inert(offer.reverseScript, 64 * 1024)}</pre></details>
<p class="small">Decide: <code>weakdoor approve ${id} --reason "…" --key ~/.ssh/id_ed25519</code> or <code>weakdoor reject ${id} --reason "…"</code></p>`;
}
