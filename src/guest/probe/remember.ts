import type { Asked, Ground, Thing } from "./ground.ts";

/** A deep look asks for hundreds of thousands, each once: those are not kept. */
const KEPT_MAX = 4_000;

/** The same ground, which is asked once for each thing: several checks look at one place, and within a run it is one answer. */
export function remembering(ground: Ground): Ground {
  const once = (ask: (path: string) => Promise<Asked<Thing>>) => {
    const known = new Map<string, Promise<Asked<Thing>>>();
    return (path: string) => {
      const answer = known.get(path) ?? ask(path);
      if (known.size < KEPT_MAX) known.set(path, answer);
      return answer;
    };
  };
  return { ...ground, stat: once((path) => ground.stat(path)), lstat: once((path) => ground.lstat(path)) };
}
