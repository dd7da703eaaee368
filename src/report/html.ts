/** A piece of HTML that is already safe to put into a page. Text becomes one only through `h`. */
export type Html = { readonly html: string };

type Value = Html | string | number | readonly (Html | string)[];

/** Tagged template: every value is escaped unless it is Html already, so that no text of a guest can become markup. */
export function h(strings: TemplateStringsArray, ...values: Value[]): Html {
  const parts = strings.map((part, index) => part + (index < values.length ? render(values[index] ?? "") : ""));
  return { html: parts.join("") };
}

function render(value: Value): string {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return escapeHtml(value);
  if ("html" in value) return value.html;
  return value.map((item) => render(item)).join("");
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export const nothing: Html = { html: "" };
