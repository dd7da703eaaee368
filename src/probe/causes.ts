import type { Category } from "../guest/observation.ts";
import type { Circumstances } from "./keptBaseline.ts";

/** One thing that differs between two measurements besides what was measured. Undefined: it was not there. */
export type Cause = { what: string; before: string | undefined; after: string | undefined };

/** Pure. Everything recorded in one of the two that is not the same in the other, by name. */
export function causesOf(before: Circumstances, after: Circumstances): Cause[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .filter((what) => before[what] !== after[what])
    .map((what) => ({ what, before: before[what], after: after[what] }));
}

/**
 * Could this have brought a change of that category about? Only what cannot is left out: a prompt or a model opens no
 * mount. What makes the sandbox (the image, the driver, a file that declares it, weakdoor itself) may change anything.
 */
export function mayCause({ what }: Pick<Cause, "what">, category: Category): boolean {
  const [kind = what] = what.split(" ", 1);
  return REACHES[what]?.includes(category) ?? REACHES[kind]?.includes(category) ?? true;
}

const NAMED_MAX = 4;

/** For a person: the first few by name, and that there is none where there is none. */
export function causesLine(causes: readonly string[]): string {
  if (causes.length === 0) return "nothing that is recorded";
  const more = causes.length > NAMED_MAX ? ` and ${causes.length - NAMED_MAX} more` : "";
  return `${causes.slice(0, NAMED_MAX).join(", ")}${more}`;
}

/** By the name of a circumstance, or its first word. */
const REACHES: Readonly<Record<string, readonly Category[]>> = {
  // They tell one stack from another, and open nothing.
  directories: [],
  model: ["tool-plane"],
  prompts: ["tool-plane"],
  "egress policy": ["network", "tool-plane"],
  agent: ["tool-plane", "memory", "secrets", "cross-boundary"],
  package: ["tool-plane"],
  kernel: ["filesystem", "secrets", "network", "process", "cross-boundary"],
};
