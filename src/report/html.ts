import { inert } from "../base/text.ts";

/** A piece of HTML that is already safe to put into a page. Text becomes one only through `h`. */
export type Html = { readonly html: string };

export type Value = Html | string | number | readonly (Html | string)[];

/** The longest field of a report is a script of 64 KiB; nothing longer comes from a place that keeps the rules. */
const TEXT_CHARACTERS_MAX = 70_000;

/**
 * Tagged template: every value is made inert and escaped unless it is Html already, so that no text of a guest can become
 * markup or play with the reader's eye.
 */
export function h(strings: TemplateStringsArray, ...values: Value[]): Html {
  const parts = strings.map((part, index) => part + (index < values.length ? render(values[index] ?? "") : ""));
  return { html: parts.join("") };
}

function render(value: Value): string {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return escapeHtml(inert(value, TEXT_CHARACTERS_MAX));
  if ("html" in value) return value.html;
  return value.map((item) => render(item)).join("");
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}

export const nothing: Html = { html: "" };

/** `#` before the name makes a column of numbers. On a narrow screen each cell stands below the last, with its column's name. */
export function table(columns: readonly string[], rows: readonly (readonly Value[])[], empty: string): Html {
  if (rows.length === 0) return h`<p class="soft">${empty}</p>`;
  const names = columns.map((column) => column.replace(/^#/, ""));
  const kind = (index: number) => (columns[index]?.startsWith("#") === true ? h` class="n"` : nothing);
  return h`<table><thead><tr>${names.map((name, index) => h`<th${kind(index)}>${name}</th>`)}</tr></thead><tbody>
${rows.map((row) => h`<tr>${row.map((cell, index) => h`<td${kind(index)} data-name="${names[index] ?? ""}">${cell}</td>`)}</tr>\n`)}</tbody></table>`;
}

/** Folded away; opened for print. */
export function folded(summary: Value, inside: Html): Html {
  return h`<details><summary>${summary}</summary>${inside}</details>`;
}

export function list(items: readonly Value[]): Html {
  return h`<ul>${items.map((item) => h`<li>${item}</li>`)}</ul>`;
}
