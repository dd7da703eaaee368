import { isConfiningLabel } from "../facts.ts";
import type { Check } from "../probe.ts";
import { CONTROL, denied, notMeasured, reachable } from "../row.ts";

const ID = "lsm";
const SUBJECT = "acting without a security module's policy";

export const lsm: Check = {
  id: ID,
  category: "process",
  why: "A security module still refuses where permissions and namespaces were set too wide.",
  misses:
    "What the policy closes; and a Landlock policy that leaves the root open to listing and /proc to writing, for it shows no label.",
  source: "apparmor(7); proc_pid_attr(5); Documentation/userspace-api/landlock.rst",
  async run({ facts, ground }) {
    if (facts.boundary === "gvisor")
      return { rows: [notMeasured(ID, SUBJECT, "gVisor's kernel has no security modules to ask")] };
    if (facts.isLandlocked)
      return {
        rows: [denied(ID, SUBJECT, CONTROL.table, "confined by Landlock, which refuses what permissions grant")],
      };
    const label = await ground.table("/proc/self/attr/current", 512);
    if (label.status === "answered") {
      const name = label.value.replaceAll("\0", "").trim();
      if (isConfiningLabel(label.value)) {
        return { rows: [denied(ID, SUBJECT, CONTROL.table, `confined, label ${name.slice(0, 80)}`)] };
      }
      return {
        rows: [
          reachable(
            ID,
            SUBJECT,
            ["execute"],
            name === "" ? "no label" : "a module is there, and this process unconfined",
          ),
        ],
      };
    }
    // EINVAL: no module answers for this process. ENOENT: a kernel without them.
    if (label.errno === "EINVAL" || (label.errno === "ENOENT" && facts.status !== undefined)) {
      return { rows: [reachable(ID, SUBJECT, ["execute"], "no module with labels is active")] };
    }
    return { rows: [notMeasured(ID, SUBJECT, `/proc/self/attr/current: ${label.errno}`)] };
  },
};
