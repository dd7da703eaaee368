import { z } from "zod";

/**
 * What a reader does not see and a model does: taken out of every string of a source, and counted, because somebody
 * who hides text in an advisory is worth knowing about.
 */
export const Removed = z.strictObject({
  /** Elements that run or draw: script, style, template, iframe, svg and their like. */
  scripts: z.int(),
  /** Elements that are not shown, by attribute or inline style. A style sheet's classes are not worked out. */
  hidden: z.int(),
  /** `<!-- … -->`, also within strings of JSON: Markdown is shown without them. */
  comments: z.int(),
  /** Characters of no width: joiners, fillers, soft hyphens, variation selectors, marks of invisible operators. */
  zeroWidth: z.int(),
  /** Characters that turn the direction of writing (Trojan Source, CVE-2021-42574). */
  bidi: z.int(),
  /** U+E0000 to U+E007F: ASCII that nothing draws. */
  tags: z.int(),
  /** Control characters and what else Unicode calls format. */
  controls: z.int(),
});
export type Removed = z.infer<typeof Removed>;

export function nothingRemoved(): Removed {
  return { scripts: 0, hidden: 0, comments: 0, zeroWidth: 0, bidi: 0, tags: 0, controls: 0 };
}

const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const TAGS = /[\u{e0000}-\u{e007f}]/u;
const ZERO_WIDTH = /\p{Default_Ignorable_Code_Point}/u;
/** All of the above and every other control, format, private-use or unassigned character, but for tab and newline. */
const INVISIBLE = /[[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]--[\t\n]]/gv;

/** Adds to `removed`. Carriage returns become newlines and are not counted. */
export function visible(text: string, removed: Removed): string {
  return withoutComments(text.replace(/\r\n?/g, "\n").toWellFormed(), removed).replace(INVISIBLE, (character) => {
    if (BIDI.test(character)) removed.bidi++;
    else if (TAGS.test(character)) removed.tags++;
    else if (ZERO_WIDTH.test(character)) removed.zeroWidth++;
    else removed.controls++;
    return "";
  });
}

/** One that is not closed goes to the end, as a renderer of HTML has it. */
function withoutComments(text: string, removed: Removed): string {
  const parts: string[] = [];
  let from = 0;
  for (;;) {
    const start = text.indexOf("<!--", from);
    if (start < 0) break;
    removed.comments++;
    parts.push(text.slice(from, start));
    const end = text.indexOf("-->", start + 4);
    if (end < 0) return parts.join("");
    from = end + 3;
  }
  return parts.join("") + text.slice(from);
}
