/**
 * Text from a sandbox, a model or a web page, made safe to show in a terminal or a report: control, bidi and
 * zero-width characters become visible escapes (Trojan Source, CVE-2021-42574), and the length is capped.
 */
export function inert(text: string, charactersMax = 500): string {
  const cut = text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text;
  return cut.replace(UNSAFE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

// Control, format (zero-width, bidi, tag, soft hyphen) and separator characters, but for tab and newline.
const UNSAFE = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]--[\t\n]]/gv;

/**
 * Inert, never longer than `charactersMax` although escapes lengthen it, and without half a surrogate pair, which
 * canonical JSON refuses: for a field of a stored shape that has a limit and is hashed.
 */
export function bounded(text: string, charactersMax: number): string {
  return inert(text, charactersMax - 1)
    .slice(0, charactersMax)
    .toWellFormed();
}

/** The text on one line: every run of white space becomes one space. */
export function oneLine(text: string, charactersMax = 300): string {
  return inert(text.replace(/\s+/g, " ").trim(), charactersMax);
}

/** `1 finding`, `2 findings`. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}
