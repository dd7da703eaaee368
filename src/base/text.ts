/**
 * Text from a sandbox, a model or a web page, made safe to show in a terminal or a report: control, bidi and
 * zero-width characters become visible escapes (Trojan Source, CVE-2021-42574), and the length is capped.
 */
export function inert(text: string, charactersMax = 500): string {
  const cut = text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text;
  return cut.replace(UNSAFE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

// C0 without tab and newline, DEL and C1, soft hyphen, zero-width and bidi controls, line separators, BOM, tag characters.
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: naming them is the point
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** The text on one line: every run of white space becomes one space. */
export function oneLine(text: string, charactersMax = 300): string {
  return inert(text.replace(/\s+/g, " ").trim(), charactersMax);
}

/** `1 finding`, `2 findings`. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}
