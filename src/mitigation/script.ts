import { oneLine } from "../base/text.ts";
import { type FileChange, nameOf } from "./mitigation.ts";
import { BODY } from "./scriptBody.ts";

/**
 * Writes the two scripts of a mitigation. They run alone, years later, without us: plain POSIX shell with awk, cmp, cp,
 * mv, mkdir, rm and rmdir, tried under dash and busybox. Both are the same text but for the direction.
 *
 *   sh apply.sh [--home DIR] [--workspace DIR] [--check] [--stop-after N]
 *
 * All is looked at before anything is done, each hunk is put in place by one rename, and before that rename the script
 * undoes its own change and compares with the file byte for byte. Each hunk may be in either state, so a run that was
 * cut off is finished, or undone, by running either script again.
 *
 * Exit codes: 0 done, or there was nothing left to do · 2 wrong use · 3 the files are not as expected, and nothing was
 * changed by this run · 4 something failed on the way; run either script again.
 */
export type Scripts = { apply: string; reverse: string; steps: number; files: string[] };

export type ScriptTitle = { finding: string; mitigation: string; title: string };

export function scriptsFor(title: ScriptTitle, changes: readonly FileChange[]): Scripts {
  const steps = changes.flatMap((change) => change.hunks.map((hunk) => ({ change, hunk })));
  const forward = steps.map(({ change, hunk }) => step(change, hunk.before, hunk.after));
  const backward = steps.toReversed().map(({ change, hunk }) => step(change, hunk.after, hunk.before));
  return {
    apply: script("apply", title, changes, forward),
    reverse: script("reverse", title, changes, backward),
    steps: steps.length,
    files: changes.map(nameOf),
  };
}

function script(
  what: "apply" | "reverse",
  title: ScriptTitle,
  changes: readonly FileChange[],
  steps: string[],
): string {
  const roots = [...new Set(changes.map((change) => change.root))].sort();
  const use = roots.map((root) => `--${root} DIR`).join(" ");
  return [
    "#!/bin/sh",
    `# ${what} ${comment(title.mitigation)}: ${comment(title.title)}`,
    `# finding ${comment(title.finding)}`,
    `# use: sh ${what}.sh ${use} [--check]`,
    ...changes.map((change) => `# changes: ${comment(nameOf(change))}`),
    "",
    `NEEDS='${roots.join(" ")}'`,
    `WORK='.weakdoor-${comment(title.finding)
      .replace(/[^0-9a-f]/g, "")
      .slice(-8)}'`,
    "",
    "steps() {",
    ...steps,
    "}",
    BODY,
  ].join("\n");
}

/** A call of the script's `step`: root, path, the text that is there, the text to put there. */
function step(change: FileChange, from: string, to: string): string {
  return `  step "$${change.root}" ${quoted(change.path)} \\\n${quoted(from)} \\\n${quoted(to)}`;
}

/** Any text as one word of the shell: in single quotes nothing is special but the quote itself. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** One line without anything that ends a comment. */
function comment(text: string): string {
  return oneLine(text, 200);
}
