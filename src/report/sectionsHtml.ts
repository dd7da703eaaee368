import { count } from "../base/text.ts";
import { folded, type Html, h, list, nothing, table } from "./html.ts";
import { type BoundaryRow, notRun, type Report } from "./report.ts";
import { sourcesHtml } from "./sourcesHtml.ts";
import { spentText } from "./spent.ts";
import { TOOL_LEGEND, toolTables } from "./toolTable.ts";

/** The sections about how the report came to be. */

export function trustSection({ target, lab, subset, killDrillMs, preflight }: Report): Html {
  const weak =
    target.weakGround.length === 0
      ? nothing
      : h`<br><span class="soft">Weak ground (${target.weakGround.join(", ")}): only our own probe and drills ran in it.</span>`;
  const rows = [
    ["Target", h`${target.driver}, ${target.isolation}, declared in ${target.declaredAt}; ${target.why}${weak}`],
    ["Lab", h`${lab.driver}, ${lab.isolation}; ${lab.why}`],
    [
      "Lab within target",
      h`${status(subset.status)} ${subset.detail} <span class="soft">Excepted by name: ${subset.excepted.join(", ") || "nothing"}.</span>`,
    ],
    [
      "Kill drill",
      killDrillMs === null
        ? h`<span class="bad">not run</span>`
        : h`a sandbox was killed and gone in ${Math.round(killDrillMs)} ms`,
    ],
  ] as const;
  const traps = preflight.map((row) => [row.what, status(row.status), row.detail]);
  return h`<h2 id="trust">Why it can be trusted, or not</h2>
${table(["What", "How it stood"], rows, "")}
${folded(`Preflight: ${count(preflight.length, "trap")}`, table(["Trap", "Held", "Detail"], traps, "No trap was tried."))}`;
}

export function boundarySection({ boundaries, persisted }: Report): Html {
  if (boundaries.length === 0) return h`<h2 id="boundary">Boundary</h2><p class="bad">No boundary was measured.</p>`;
  const again =
    persisted.widened.length === 0
      ? h`Measured again after the drills and the research: nothing widened.`
      : h`<span class="bad">Widened during the cycle:</span> ${persisted.widened.join(", ")}`;
  return h`<h2 id="boundary">Boundary: intended, observed, unexplained</h2>
<p>Intended is what <code>intended.yaml</code> says the sandbox may reach; observed is what the probe reached; unexplained is the rest.</p>
${boundaries.map((boundary) => h`<h4>${boundary.from === "target" ? "Target: the agent's sandbox" : "Lab: the researcher's sandbox"}</h4>${boundaryTable(boundary)}`)}
<p>${again}</p>`;
}

function boundaryTable({ categories }: BoundaryRow): Html {
  const rows = categories.map((row) => [
    row.category,
    row.intended ?? "–",
    row.observed ?? "–",
    row.unexplained ?? "–",
    row.notLooked !== ""
      ? h`not looked: ${row.notLooked}`
      : row.observations.length === 0
        ? nothing
        : folded(
            count(row.observations.length, "row"),
            list(
              row.observations.map(
                ({ id, close }) =>
                  h`<code>${id}</code>${close === "" ? nothing : h` <span class="soft">closed by: ${close}</span>`}`,
              ),
            ),
          ),
  ]);
  return table(["Category", "#Intended", "#Observed", "#Unexplained", "Which"], rows, "No category was looked at.");
}

/** Left out when no agent was driven: why not stands under coverage. */
export function toolSection({ observations }: Report): Html {
  const tables = toolTables(observations);
  if (tables.length === 0) return nothing;
  const each = tables.map(({ agent, capabilities, rows }) => {
    const cells = rows.map((row) => [h`<code>${row.path}</code>`, ...row.cells]);
    return h`<h3>${agent}</h3>${table(["Path", ...capabilities], cells, "Nothing was measured.")}`;
  });
  return h`<h2 id="tools">What each path of the agents can do</h2><p class="small">${TOOL_LEGEND}</p>${each}`;
}

export function coverageSection(report: Report): Html {
  const missing = notRun(report);
  const ran = report.coverage.filter((row) => row.status === "ran");
  const rows = missing.map((row) => [h`<code>${row.check}</code>`, row.from, row.status, row.reason]);
  return h`<h2 id="coverage">Coverage</h2>
<p>${count(ran.length, "check")} ran to the end. What did not is listed here; it is neither good news nor bad.</p>
${table(["Check", "Where", "Status", "Reason"], rows, report.coverage.length === 0 ? "No check was planned." : "Every planned check ran.")}
${folded(`The ${ran.length} that ran`, h`<p class="small">${ran.map((row) => `${row.check} (${row.from})`).join(", ")}</p>`)}`;
}

export function conductSection({ drills, research, egress }: Report): Html {
  const rang = drills.map((drill) => [
    drill.carrier,
    drill.status === "rang" ? h`<span class="good">rang</span>` : h`<span class="bad">${drill.status}</span>`,
    drill.latencyMs === null ? "" : `${Math.round(drill.latencyMs)} ms`,
    drill.leaf ?? "",
    drill.detail,
  ]);
  const left = egress.map((row) => [
    row.sandbox,
    h`<code>${row.authority}</code>`,
    row.allowed,
    row.denied,
    row.bytesUp,
    row.bytesDown,
    row.reasons.join("; "),
  ]);
  const refused = research.refused.map((row) => h`<code>${row.weakness}</code> ${row.reason}`);
  const notes = research.notes.map((row) => h`<p><code>${row.weakness}</code> ${row.note}</p>`);
  return h`<h2 id="conduct">Drills, researcher and egress</h2>
<h4>Tripwires, touched on purpose</h4>
${table(["Tripwire", "Alarm", "#Latency", "#Leaf", "Detail"], rang, "No tripwire was drilled.")}
<h4>Researcher</h4>
<p>Mode ${research.mode}; it ended as: ${research.end}. It handed in ${count(research.candidates, "candidate")}; the observations bear out ${count(research.accepted, "finding")}; ${count(refused.length, "claim was", "claims were")} refused.
${count(research.malformed, "message")} of sandboxes were too long, no JSON or of another shape, those of the preflight among them.</p>
${research.spent === null ? nothing : h`<p>${spentText(research.spent)}</p>`}
${refused.length === 0 ? nothing : folded("Refused claims", list(refused))}
${sourcesHtml(research)}
${notes.length === 0 ? nothing : folded("Notes written by a model, as plain text", h`${notes}`)}
<h4>What asked to leave</h4>
${table(["Sandbox", "Host", "#Allowed", "#Denied", "#Bytes up", "#Bytes down", "Reasons"], left, "Nothing asked to leave.")}`;
}

export function cloneSection({ clone, stack }: Report): Html {
  const { replaced, skipped, proof } = clone;
  const rows = replaced.map((row) => [h`<code>${row.file}</code>`, row.place, row.kind, row.by]);
  const left = skipped.map((row) => [h`<code>${row.file}</code>`, row.reason]);
  return h`<h2 id="clone">The clone</h2>
<p>Of ${stack.agents.map(({ kind, version }) => `${kind} ${version}`).join(", ") || "no agent"}; ${count(stack.files, "file")} watched. ${count(replaced.length, "credential value")} replaced by traceable fakes. The proof scan read ${count(proof.files, "file")} (${proof.bytes} bytes) for ${count(proof.values, "harvested value")} in ${count(proof.encodings, "encoding")} and found none.</p>
${folded("What was replaced: places, never values", table(["File", "Place", "Kind", "Found by"], rows, "Nothing was replaced."))}
${folded(`${count(skipped.length, "file")} not copied`, table(["File", "Reason"], left, "Everything on the list was copied."))}`;
}

export function certificateSection({ certificates }: Report): Html {
  const cards = certificates.map(({ status: end, sandbox, driver, role, looks }) =>
    folded(
      h`${end === "destroyed" ? h`<span class="good">destroyed</span>` : h`<span class="bad">UNVERIFIED</span>`} <code>${sandbox}</code> (${driver}, ${role})`,
      table(
        ["Looked at", "Result", "What was seen"],
        looks.map((look) => [look.what, look.status, look.status === "not-looked" ? look.reason : look.evidence]),
        "Nobody looked.",
      ),
    ),
  );
  return h`<h2 id="end">Certificates of destruction</h2>
${cards.length === 0 ? h`<p class="bad">There is none.</p>` : cards}`;
}

export function checkingSection({ timings, ledger, stack, weakdoor }: Report): Html {
  const total = timings.reduce((sum, { ms }) => sum + ms, 0);
  const sandboxes = timings.reduce((sum, { sandboxMs }) => sum + sandboxMs, 0);
  const rows = timings.map((row) => [row.step, Math.round(row.ms), Math.round(row.sandboxMs)]);
  return h`<h2 id="check">How long it took, and how to check this report</h2>
<p>${(total / 1000).toFixed(1)} s, of which ${(sandboxes / 1000).toFixed(1)} s inside or waiting for sandboxes.</p>
${folded("Step by step", table(["Step", "#ms", "#of it sandboxes"], rows, "No step was timed."))}
<p>Every step is a leaf of an append-only log, which had ${count(ledger.leaves, "leaf", "leaves")} when this was written. <code>weakdoor log verify</code> recomputes it; the checkpoint signed then was:</p>
<pre>${ledger.checkpoint}</pre>
<p class="small soft">Kernel ${stack.kernel}; node ${weakdoor.node}; configuration <code>${weakdoor.config.slice(0, 16)}</code>; snapshot <code>${stack.snapshot.slice(0, 16)}</code>.
ATT&amp;CK and ATLAS ids refer to knowledge bases of The MITRE Corporation, OWASP ids to lists of the OWASP Foundation, CWE ids to MITRE's list; their texts are not reproduced here. Explanations are weakdoor's own.</p>`;
}

function status(value: "held" | "refuted" | "not-run"): Html {
  return value === "held" ? h`<span class="good">held</span>` : h`<span class="bad">${value}</span>`;
}
