import { inert, oneLine } from "../base/text.ts";

/**
 * Text for a cell or a line: inert, one line, and none of Markdown's own characters left live. What would become a link
 * (GFM autolinks), a mention or a reference in spite of a backslash is defanged as analysts do: `https[:]//`, `[@]team`.
 */
export function cell(text: string): string {
  return oneLine(text, 1_000)
    .replace(/:(?=\/\/)|(?<=\bwww)\.|@|#(?=\d)/gi, (character) => `[${character}]`)
    .replace(/[\\`*_[\]<>|!~&]/g, (character) => `\\${character}`)
    .replace(/^(#|[-+=]|\d+[.)](?=\s|$))/, (mark) => `${mark.slice(0, -1)}\\${mark.slice(-1)}`);
}

/** A code span whose fence is longer than any run of backticks inside; a pipe is escaped, which tables ask for even here. */
export function code(text: string): string {
  const inside = oneLine(text, 1_000).replaceAll("|", "\\|");
  const ticks = "`".repeat(longestRun(inside) + 1);
  const gap = /^`|`$/.test(inside) ? " " : "";
  return inside === "" ? "" : `${ticks}${gap}${inside}${gap}${ticks}`;
}

/** A block whose fence is longer than any run of backticks inside. */
export function fence(text: string, language = ""): string {
  const ticks = "`".repeat(Math.max(3, longestRun(text) + 1));
  return `${ticks}${language}\n${inert(text, 20_000).trimEnd()}\n${ticks}`;
}

/** Columns that begin with `#` hold numbers. Cells are Markdown already. */
export function table(
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  empty: string,
): string {
  if (rows.length === 0) return empty;
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map((column) => column.replace(/^#/, ""))),
    `|${columns.map((column) => (column.startsWith("#") ? "--:" : "---")).join("|")}|`,
    ...rows.map(line),
  ].join("\n");
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
