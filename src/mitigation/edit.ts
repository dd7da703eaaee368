import type { Hunk } from "./mitigation.ts";

/** Replace the characters from `start` up to `end` of a text. Offsets in UTF-16 units, as the parsers give them. */
export type Edit = { start: number; end: number; text: string };

export type Edited =
  | { status: "edited"; after: string; hunks: [Hunk, ...Hunk[]] }
  | { status: "ambiguous"; reason: string };

/** Lines of context on each side until a hunk occurs once; more than that and it is no longer about one place. */
const CONTEXT_LINES_MAX = 6;

/**
 * Turns edits of a text into hunks that occur once each, before and after, with as little around them as that takes:
 * what lies outside a hunk may differ in the real stack. Gives up when that cannot be had.
 */
export function hunksOf(before: string, edits: readonly Edit[]): Edited {
  const sorted = [...edits].sort((a, b) => a.start - b.start);
  if (sorted.some((edit, i) => edit.start < (sorted[i - 1]?.end ?? 0))) return ambiguous("its edits overlap");
  const apart = eachAlone(before, sorted);
  // Edits so close that one stands in the other's way are made as one, with what lies between them.
  return apart.status === "edited" || sorted.length < 2 ? apart : eachAlone(before, [asOne(before, sorted)]);
}

function asOne(before: string, sorted: readonly Edit[]): Edit {
  const start = sorted[0]?.start ?? 0;
  const end = sorted.at(-1)?.end ?? 0;
  const inside = sorted.map((edit) => ({ ...edit, start: edit.start - start, end: edit.end - start }));
  return { start, end, text: apply(before.slice(start, end), inside) };
}

function eachAlone(before: string, sorted: readonly Edit[]): Edited {
  const after = apply(before, sorted);
  const hunks: Hunk[] = [];
  let settledUpTo = 0;
  let shift = 0;
  for (const edit of sorted) {
    const hunk = narrowest(before, after, edit, shift, settledUpTo);
    if (hunk === undefined) return ambiguous("no text around the change occurs exactly once");
    hunks.push(hunk.hunk);
    settledUpTo = hunk.end;
    shift += edit.text.length - (edit.end - edit.start);
  }
  const [first, ...rest] = hunks;
  if (first === undefined) return ambiguous("there is nothing to change");
  return { status: "edited", after, hunks: [first, ...rest] };
}

export function apply(text: string, sorted: readonly Edit[]): string {
  let result = "";
  let at = 0;
  for (const edit of sorted) {
    result += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return result + text.slice(at);
}

/** How often a text occurs, overlapping occurrences counted each. The scripts count the same way. */
export function occurrences(text: string, part: string): number {
  if (part === "") return Number.POSITIVE_INFINITY;
  let n = 0;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) n++;
  return n;
}

function narrowest(before: string, after: string, edit: Edit, shift: number, from: number) {
  for (let lines = -1; lines <= CONTEXT_LINES_MAX; lines++) {
    const start = lines < 0 ? edit.start : Math.max(from, lineStart(before, edit.start, lines));
    // An edit of whole lines ends where the next line begins, which is no part of it yet.
    const linesAfter = before[edit.end - 1] === "\n" && edit.end > edit.start ? lines - 1 : lines;
    const end = linesAfter < 0 ? edit.end : lineEnd(before, edit.end, linesAfter);
    const hunk = {
      before: before.slice(start, end),
      after: before.slice(start, edit.start) + edit.text + before.slice(edit.end, end),
    };
    // `shift` moves an offset of the text before to the same place in the text after.
    const isSame = after.startsWith(hunk.after, start + shift);
    if (isSame && isUnique(before, after, hunk)) return { hunk, end };
  }
  return undefined;
}

/** Each side tells its state: one of the two is there once, and the other not at all. */
function isUnique(before: string, after: string, hunk: Hunk): boolean {
  return (
    occurrences(before, hunk.before) === 1 &&
    occurrences(before, hunk.after) === 0 &&
    occurrences(after, hunk.after) === 1 &&
    occurrences(after, hunk.before) === 0
  );
}

function lineStart(text: string, at: number, linesBefore: number): number {
  let start = text.lastIndexOf("\n", at - 1) + 1;
  for (let i = 0; i < linesBefore && start > 0; i++) start = text.lastIndexOf("\n", start - 2) + 1;
  return at === 0 ? 0 : start;
}

function lineEnd(text: string, at: number, linesAfter: number): number {
  let end = at;
  for (let i = 0; i <= linesAfter; i++) {
    const newline = text.indexOf("\n", end);
    if (newline < 0) return text.length;
    end = newline + 1;
  }
  return end;
}

function ambiguous(reason: string): Edited {
  return { status: "ambiguous", reason };
}
