import type { Check } from "../probe.ts";
import { named, notMeasured, reachable } from "../row.ts";

export const runtimeName: Check = {
  id: "runtime-name",
  category: "process",
  why: "The other rows are read by what made the sandbox.",
  misses:
    "A runtime that leaves no mark, and one that leaves another's; a virtual machine is the sandbox only by the host's word, or by Kata's own.",
  source: "/.dockerenv, /run/.containerenv, gVisor's build string, the name of process 1, the kernel's command line",
  async run({ facts }) {
    if (facts.runtime === "unknown")
      return { rows: [notMeasured("runtime-name", "the runtime", "it left no mark that is known")] };
    const detail = `boundary ${facts.boundary}`;
    return { rows: [reachable(`runtime-name:${named(facts.runtime)}`, facts.runtime, ["list"], detail)] };
  },
};
