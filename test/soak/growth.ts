import { TRACES, type Traces } from "../bench/traces.ts";

/** What a soak makes of its looks: each thing at the first look and at the last, and whether that is growth. */
export type Growth = { what: keyof Traces; first: number; last: number; grows: boolean };

/** Memory of a process that does much moves by itself: so much of it is nothing yet, and so much a pass is. */
const MEMORY_MIB_FREE = 8;
const MEMORY_MIB_A_PASS = 0.5;

/** Looks in the order in which they were taken, one after each pass; what is loaded in the first pass is not growth. */
export function growthOf(looks: readonly Traces[]): Growth[] {
  const [first] = looks;
  const last = looks.at(-1);
  if (first === undefined || last === undefined) return [];
  const passes = looks.length - 1;
  return TRACES.map((what) => {
    const grown = last[what] - first[what];
    const isMemory = what === "heapMiB" || what === "residentMiB";
    const isFree = isMemory ? grown <= Math.max(MEMORY_MIB_FREE, passes * MEMORY_MIB_A_PASS) : grown <= 0;
    return { what, first: first[what], last: last[what], grows: !isFree };
  });
}
