import type { Check } from "../probe.ts";
import { CONTROL, denied, notMeasured, reachable } from "../row.ts";

const ID = "no-new-privs";
const SUBJECT = "gaining rights by starting a program";

export const noNewPrivs: Check = {
  id: ID,
  category: "process",
  why: "Without the flag, a set-user-id program inside hands its owner's rights to whoever starts it.",
  misses: "Whether there is such a program, and whether its mount is nosuid.",
  source: "PR_SET_NO_NEW_PRIVS(2const); CIS Docker Benchmark 1.6, 5.25",
  async run({ facts }) {
    const set = facts.status?.get("NoNewPrivs");
    if (set === "1") return { rows: [denied(ID, SUBJECT, CONTROL.table, "no_new_privs is set")] };
    if (set === "0") return { rows: [reachable(ID, SUBJECT, ["execute"], "no_new_privs is not set")] };
    const why = facts.boundary === "gvisor" ? "gVisor does not show the flag" : "/proc/self/status does not show it";
    return { rows: [notMeasured(ID, SUBJECT, why)] };
  },
};
