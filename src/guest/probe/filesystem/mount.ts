import { byPath } from "../mounts.ts";
import { showPath } from "../paths.ts";
import type { Check } from "../probe.ts";
import { named, notMeasured, reachable } from "../row.ts";

export const mount: Check = {
  id: "mount",
  category: "filesystem",
  why: "The inventory that other rows are read against, and where a change of the sandbox's layout shows first.",
  misses: "What a mount hides beneath it.",
  source: "proc_pid_mountinfo(5)",
  async run(context) {
    const { mounts } = context.facts;
    if (mounts === undefined) {
      return { rows: [notMeasured("mount", "the mount table", "/proc/self/mountinfo cannot be read")] };
    }
    const rows = byPath(mounts).map((line) => {
      const shown = showPath(context, line.path);
      const detail = [line.fsType, line.isReadOnly ? "ro" : "rw", ...line.flags].join(" ");
      return reachable(`mount:${named(shown)}`, shown, line.isReadOnly ? ["read"] : ["read", "write"], detail);
    });
    return { rows };
  },
};
