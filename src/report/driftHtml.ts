import { count } from "../base/text.ts";
import { causesLine } from "../probe/causes.ts";
import { folded, type Html, h, list, nothing, table } from "./html.ts";
import type { Report } from "./report.ts";

type View = Report["drift"]["views"][number];

/** What the sandboxes let through that they did not before, or no longer; and what else is different since. */
export function driftSection({ drift }: Report): Html {
  const title = h`<h2 id="since">Since the last accepted cycle</h2>`;
  if (drift.since === null)
    return h`${title}<p>No cycle of this stack was kept here before this one: the next is compared with it.</p>`;
  return h`${title}
<p>Compared with cycle <code>${drift.since}</code>${because(drift)}.</p>
${drift.views.map(viewHtml)}
${causesHtml(drift)}`;
}

/** Reports of before say no reason. */
function because({ why }: Report["drift"]): Html {
  return why === "" ? nothing : h`: ${why}`;
}

function viewHtml(view: View): Html {
  const heading = h`<h4>${view.from === "target" ? "Target: the agent's sandbox" : "Lab: the researcher's sandbox"}</h4>`;
  const opened = view.widened.map((row) => [
    h`<code>${row.id}</code>`,
    row.before,
    row.after,
    row.why,
    causesLine(row.causes),
    answerTo(row),
  ]);
  const others = (["narrowed", "moved", "unknown"] as const).flatMap((kind) =>
    view[kind].map((row) => [
      kind,
      h`<code>${row.id}</code>`,
      row.before,
      row.after,
      row.why,
      causesLine(row.causes),
    ]),
  );
  const rest =
    others.length === 0
      ? nothing
      : folded(
          `${view.narrowed.length} narrowed, ${view.moved.length} moved, ${view.unknown.length} not known`,
          table(["Change", "Observation", "Before", "Now", "Why", "May be caused by"], others, ""),
        );
  return h`${heading}
${table(["Opened", "Before", "Now", "Why", "May be caused by", "Approved"], opened, "Nothing opened.")}
${rest}<p class="small soft">${count(view.unchanged, "observation")} unchanged.</p>`;
}

function answerTo({ approved }: View["widened"][number]): Html {
  if (approved === undefined) return h`<span class="bad">by nobody</span>`;
  return h`until ${approved.until}: ${approved.why}`;
}

function causesHtml({ causes, views }: Report["drift"]): Html {
  const hasChanged = views.some((view) => view.widened.length + view.narrowed.length + view.moved.length > 0);
  if (causes.length === 0) {
    return hasChanged
      ? h`<p>Nothing else that is recorded differs: the change came from inside, or from something nobody recorded.</p>`
      : nothing;
  }
  const rows = causes.map(({ what, before, after }) => h`<code>${what}</code>: ${short(before)} to ${short(after)}`);
  const says = hasChanged
    ? "Each of these changed beside it and may be the cause"
    : "These changed, and nothing with them";
  return folded(h`${says}: ${count(causes.length, "circumstance")}`, list(rows));
}

function short(value: string | undefined): string {
  if (value === undefined) return "not there";
  return /^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : value;
}
