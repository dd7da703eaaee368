import { type Html, h, nothing, table } from "./html.ts";
import type { Report } from "./report.ts";
import { readingsText } from "./sourcesRead.ts";

/** What the researcher read: nothing at all when it asked for no source. */
export function sourcesHtml({ sources, readings, citations }: Report["research"]): Html {
  if (sources.length === 0) return nothing;
  const rows = sources.map((row) => [
    h`<code>${row.source}</code>`,
    row.fetched,
    row.notModified,
    row.copies,
    row.excerpts,
    row.failed + row.unfit,
    row.asOf === null ? "not read" : `${row.asOf.slice(0, 10)}${row.isStale ? " (stale)" : ""}`,
    row.reason,
  ]);
  const cited = citations.map((row) => [
    h`<code>${row.weakness}</code>`,
    h`<code>${row.source}</code> ${row.document}`,
    row.question,
    row.quote,
    h`<code>${row.sha256.slice(0, 16)}</code>`,
  ]);
  const said = readingsText(readings);
  return h`<h4>Sources</h4>
${table(["Source", "#Fetched", "#Unchanged", "#From the copy", "#Excerpt", "#Not read", "As of", "Last reason"], rows, "")}
${said === "" ? nothing : h`<p>${said}</p>`}
${cited.length === 0 ? nothing : table(["Weakness", "Document", "Question", "Quotation, as plain text", "Text"], cited, "")}`;
}
