import type { Check } from "../probe.ts";
import { CONTROL, denied, notMeasured, reachable } from "../row.ts";

const ID = "executable-memory";
const SUBJECT = "memory that is both written and run";

export const executableMemory: Check = {
  id: ID,
  category: "process",
  why: "With such memory an exploit brings its own code; without it, it must make do with what is loaded.",
  misses: "It is told from what Node's compiler was granted: where Node asks for none, nothing is known.",
  source: "mmap(2); PR_SET_MDWE(2const); am-i-isolated asks by mapping",
  async run({ facts, ground }) {
    const maps = await ground.table("/proc/self/maps");
    if (maps.status === "refused") return { rows: [notMeasured(ID, SUBJECT, `/proc/self/maps: ${maps.errno}`)] };
    if (!/^[0-9a-f]+-[0-9a-f]+ rwx/m.test(maps.value))
      return { rows: [notMeasured(ID, SUBJECT, "this process has none and did not ask for any")] };
    if (facts.boundary === "gvisor") return { rows: [denied(ID, SUBJECT, CONTROL.table, "only of gVisor's kernel")] };
    return { rows: [reachable(ID, SUBJECT, ["write", "execute"], "granted to this process's own compiler")] };
  },
};
