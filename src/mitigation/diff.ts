import { createTwoFilesPatch } from "diff";
import { bounded } from "../base/text.ts";
import { type FileChange, nameOf } from "./mitigation.ts";

/** As much as a finding may hold. */
const CHARACTERS_MAX = 64 * 1024;

/**
 * A unified diff for people, with three lines around each change. Fakes that stand nearby are masked: the diff goes
 * into reports, and a fake that is seen outside must mean that something leaked.
 */
export function diffOf(changes: readonly FileChange[], fakes: readonly string[]): string {
  const patches = changes.map((change) =>
    createTwoFilesPatch(`a/${nameOf(change)}`, `b/${nameOf(change)}`, change.before, change.after, "", "", {
      context: 3,
      headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
    }),
  );
  return bounded(masked(patches.join("")), CHARACTERS_MAX);

  function masked(text: string): string {
    // Longest first, so that a fake which is part of another does not leave the rest of it standing.
    const byLength = [...fakes].filter((fake) => fake !== "").sort((a, b) => b.length - a.length);
    return byLength.reduce((shown, fake) => shown.replaceAll(fake, "[fake]"), text);
  }
}
