import type { Check } from "../probe.ts";
import { noneOf } from "../processes.ts";
import { absent, notMeasured, reachable } from "../row.ts";

const ID = "host-processes";
const SUBJECT = "processes of the host";

export const hostProcesses: Check = {
  id: ID,
  category: "process",
  why: "With the host's processes come their command lines, and for the same user their files and memory.",
  misses: "A process namespace shared with another container; and a host that hides its kernel's threads.",
  source: "CIS Docker Benchmark 1.6, 5.15; kthreadd is process 2 of every Linux machine",
  async run(context) {
    const { facts, ground } = context;
    if (facts.isOwnKernel) return { rows: [absent(ID, SUBJECT, "the kernel that answers is not the host's")] };
    const second = await ground.table("/proc/2/comm", 64);
    if (second.status === "answered" && second.value.trim() === "kthreadd") {
      return {
        rows: [reachable(ID, SUBJECT, ["list"], "the kernel's own threads are in the table, so it is the host's")],
      };
    }
    if (facts.status === undefined) return { rows: [notMeasured(ID, SUBJECT, "/proc cannot be read")] };
    return { rows: [noneOf(context, ID, SUBJECT, "the kernel's own threads are not in the table")] };
  },
};
