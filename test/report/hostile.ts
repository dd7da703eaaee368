import type { Report } from "../../src/report/report.ts";

const ESC = "\u001b";

/** What a guest, a model or a web page might write to become something other than text. */
export const HOSTILE: readonly string[] = [
  "<script>alert(1)</script>",
  "</style></title></pre></textarea><img src=x onerror=alert(1)>",
  '" onmouseover="alert(1)" x="',
  "' onfocus='alert(1)",
  "<!-- --><![CDATA[<svg/onload=alert(1)>]]>",
  "&lt;b&gt; &#60;i&#62; &amp;",
  "](javascript:alert(1)) ![x](https://evil.example/x.png) <https://evil.example>",
  "https://evil.example/a www.evil.example @team #12 ~~x~~",
  "` ```\n# heading\n- item\n1. one\n| a | b |\n|---|---|\n> quote",
  "safe\u202Etxt.exe\u2066 zero\u200Bwidth \u00AD \u{E0041}",
  `${ESC}[2J${ESC}]8;;https://evil.example${ESC}\\link${ESC}]8;;${ESC}\\ \u009b31m \u0007 \r over`,
  "\uD800 half a pair",
];

/** Fields whose value is one of a few words, a hash, an id or a moment: no text of a guest can be there. */
const FIXED = new Set(
  "version id state status severity category evidenceClass from role isolation driver firstSeen lastSeen finding new regressed resolved unchanged sha256".split(
    " ",
  ),
);

/** The report with this text in every field that a guest, a model or a studied file has a part in. */
export function poisoned(report: Report, text: string): Report {
  return poison(report, text, "") as Report;
}

function poison(value: unknown, text: string, key: string): unknown {
  if (typeof value === "string") return FIXED.has(key) ? value : text;
  if (Array.isArray(value)) return value.map((item: unknown) => poison(item, text, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, poison(inner, text, name)]));
}
