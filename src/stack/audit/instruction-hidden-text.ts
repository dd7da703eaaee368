import { type AuditCheck, type AuditRow, unreadRows } from "./check.ts";

/**
 * Characters in an instruction file that an agent reads and a person does not see: bidi controls (Trojan Source,
 * CVE-2021-42574), zero-width and filler characters, Unicode tags. Text hidden by other means, such as a comment or a
 * very long line, is missed.
 */
export const instructionHiddenText: AuditCheck = {
  check: "instruction-hidden-text",
  category: "memory",
  async run({ reader, discovered }) {
    const rows: AuditRow[] = [];
    for (const { file } of discovered.instructionFiles) {
      const text = await reader.text(file);
      const base = { instance: file, subject: `hidden characters in ${file}` };
      if (text === undefined) {
        const why = reader.problems.find((problem) => problem.file === file)?.message ?? "no longer there";
        rows.push({ ...base, verdict: "not-measured", detail: `${file}: ${why}` });
        continue;
      }
      const hidden = hiddenIn(text);
      rows.push(
        hidden.length === 0
          ? { ...base, verdict: "absent", detail: "none" }
          : { ...base, verdict: "reachable", access: ["read"], detail: hidden.join("; ") },
      );
    }
    return [...rows, ...unreadRows(discovered, (file) => /\.(md|mdc)$|\/\.cursorrules$|\/skills$/.test(file))];
  },
};

const KINDS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["bidi controls", /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu],
  // A joiner between two ASCII characters joins nothing; in emoji and in scripts that join it is spelling.
  [
    "zero-width characters",
    /[\u200b\u2060-\u2064\u180e]|(?<!^)\ufeff|(?<=[\x21-\x7e])[\u200c\u200d](?=[\x21-\x7e])/gu,
  ],
  // After U+1F3F4 they spell a flag; elsewhere they spell text that is not shown.
  ["tag characters", /(?<!\u{1f3f4}[\u{e0020}-\u{e007e}]{0,6})[\u{e0000}-\u{e007f}]/gu],
  // After a Han character a selector of this range picks one of its forms.
  ["invisible fillers", /[\u115f\u1160\u3164\uffa0]|(?<!\p{Script=Han})[\u{e0100}-\u{e01ef}]/gu],
];

/** One line a kind: how many, and on which line the first stands. */
export function hiddenIn(text: string): string[] {
  return KINDS.flatMap(([name, pattern]) => {
    const found = [...text.matchAll(pattern)];
    const first = found[0];
    if (first === undefined) return [];
    const line = text.slice(0, first.index).split("\n").length;
    return [`${found.length} ${name}, first on line ${line}`];
  });
}
