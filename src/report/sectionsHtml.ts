import { count, inert } from "../base/text.ts";
import { type Html, h, nothing } from "./html.ts";
import { doubts, type Report } from "./report.ts";

/** The sections about how the report came to be: trust, boundary, conduct, clone, certificates. */

export function trustSection(report: Report): Html {
  const open = doubts(report);
  return h`<h2 id="trust">Can this be trusted</h2>
${open.length === 0 ? h`<p class="good">Every trap was seen to catch, every alarm was read back, every sandbox is certified destroyed.</p>` : h`<ul>${open.map((doubt) => h`<li class="bad">${inert(doubt)}</li>`)}</ul>`}
<table><tbody>
<tr><th>Target</th><td>${report.target.driver}, ${report.target.isolation}; ${inert(report.target.why)}${report.target.weakGround.length > 0 ? h`<br><span class="soft">Weak ground (${report.target.weakGround.join(", ")}): only our own probe and drills ran in it.</span>` : nothing}</td></tr>
<tr><th>Lab</th><td>${report.lab.driver}, ${report.lab.isolation}; ${inert(report.lab.why)}</td></tr>
<tr><th>Lab within target</th><td>${status(report.subset.status)} ${inert(report.subset.detail)} <span class="soft">Excepted by name: ${report.subset.excepted.join(", ") || "nothing"}.</span></td></tr>
<tr><th>Kill drill</th><td>${report.killDrillMs === null ? "not run" : `a sandbox that ignores everything was gone in ${Math.round(report.killDrillMs)} ms`}</td></tr>
</tbody></table>
<details><summary>Preflight: ${count(report.preflight.length, "trap")}</summary><table><tbody>
${report.preflight.map((row) => h`<tr><td>${row.what}</td><td>${status(row.status)}</td><td>${inert(row.detail)}</td></tr>`)}</tbody></table></details>`;
}

export function boundarySection(report: Report): Html {
  return h`<h2 id="boundary">Boundary: intended, observed, unexplained</h2>
<p>Intended is what <code>weakdoor.yaml</code> says the sandbox may reach; observed is what the probe reached; unexplained is the rest.</p>
${report.boundaries.map(
  (
    boundary,
  ) => h`<h4>${boundary.from}</h4><table><thead><tr><th>Category</th><th class="n">Intended</th><th class="n">Observed</th><th class="n">Unexplained</th><th>Unexplained observations</th></tr></thead><tbody>
${boundary.categories.map((row) => h`<tr><td>${row.category}</td><td class="n">${row.intended ?? "–"}</td><td class="n">${row.observed ?? "–"}</td><td class="n">${row.unexplained ?? "–"}</td><td>${row.notLooked === "" ? nothing : h`not looked: ${inert(row.notLooked)}`}${row.observations.length === 0 ? nothing : h`<details><summary>${count(row.observations.length, "row")}</summary>${row.observations.map((id) => h`<code>${id}</code> `)}</details>`}</td></tr>`)}</tbody></table>`,
)}
<p>${report.persisted.widened.length === 0 ? "Measured again after the drills and the research: nothing widened." : h`<span class="bad">Widened during the cycle:</span> ${report.persisted.widened.join(", ")}`}</p>`;
}

export function conductSection(report: Report): Html {
  return h`<h2 id="conduct">Drills, researcher and egress</h2>
<table><thead><tr><th>Tripwire</th><th>Alarm</th><th class="n">Latency</th><th class="n">Leaf</th><th>Detail</th></tr></thead><tbody>
${report.drills.map((drill) => h`<tr><td>${drill.carrier}</td><td>${drill.status === "rang" ? h`<span class="good">rang</span>` : h`<span class="bad">${drill.status}</span>`}</td><td class="n">${drill.latencyMs === null ? "" : `${Math.round(drill.latencyMs)} ms`}</td><td class="n">${drill.leaf ?? ""}</td><td>${inert(drill.detail)}</td></tr>`)}</tbody></table>
<p>Researcher: ${report.research.mode}, ${count(report.research.candidates, "candidate")}, ${report.research.accepted} borne out by the observations they cite, ${report.research.refused.length} refused; it ended as ${report.research.end}.</p>
${report.research.refused.length === 0 ? nothing : h`<details><summary>Refused candidates</summary><ul>${report.research.refused.map((row) => h`<li><code>${inert(row.weakness)}</code> ${inert(row.reason)}</li>`)}</ul></details>`}
${report.research.notes.length === 0 ? nothing : h`<details><summary>Notes written by a model, as plain text</summary>${report.research.notes.map((row) => h`<p><code>${inert(row.weakness)}</code> ${inert(row.note, 600)}</p>`)}</details>`}
<h4>What asked to leave</h4><table><thead><tr><th>Sandbox</th><th>Authority</th><th class="n">Allowed</th><th class="n">Denied</th><th>Why denied</th></tr></thead><tbody>
${report.egress.map((row) => h`<tr><td>${row.sandbox}</td><td><code>${inert(row.authority)}</code></td><td class="n">${row.allowed}</td><td class="n">${row.denied}</td><td>${inert(row.reasons.join("; "))}</td></tr>`)}</tbody></table>`;
}

export function cloneSection({ clone }: Report): Html {
  return h`<h2 id="clone">The clone</h2>
<p>${count(clone.replaced.length, "credential value")} replaced by traceable fakes. The proof scan read ${count(clone.proof.files, "file")} (${clone.proof.bytes} bytes) for ${count(clone.proof.values, "harvested value")} in ${count(clone.proof.encodings, "encoding")} and found none.</p>
<details><summary>What was replaced (places, never values)</summary><table><tbody>
${clone.replaced.map((row) => h`<tr><td><code>${inert(row.file)}</code></td><td>${inert(row.place)}</td><td>${row.kind}</td><td>${row.by}</td></tr>`)}</tbody></table></details>
${clone.skipped.length === 0 ? nothing : h`<details><summary>${count(clone.skipped.length, "file")} not copied</summary><table><tbody>${clone.skipped.map((row) => h`<tr><td><code>${inert(row.file)}</code></td><td>${inert(row.reason)}</td></tr>`)}</tbody></table></details>`}`;
}

export function certificateSection(report: Report): Html {
  return h`<h2 id="end">Certificates of destruction</h2>
${report.certificates.map(
  (
    certificate,
  ) => h`<details><summary>${certificate.status === "destroyed" ? h`<span class="good">destroyed</span>` : h`<span class="bad">UNVERIFIED</span>`} <code>${certificate.sandbox}</code> (${certificate.driver}, ${certificate.role})</summary>
<table><tbody>${certificate.looks.map((look) => h`<tr><td>${look.what}</td><td>${look.status}</td><td>${inert(look.status === "not-looked" ? look.reason : look.evidence)}</td></tr>`)}</tbody></table></details>`,
)}`;
}

function status(value: "held" | "refuted" | "not-run"): Html {
  return value === "held" ? h`<span class="good">held</span>` : h`<span class="bad">${value}</span>`;
}
