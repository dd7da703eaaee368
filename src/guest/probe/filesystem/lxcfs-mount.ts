import { byPath } from "../mounts.ts";
import { showPath } from "../paths.ts";
import type { Check, Row } from "../probe.ts";
import { absent, CONTROL, denied, mechanism, named, notMeasured, reachable } from "../row.ts";

export const lxcfsMount: Check = {
  id: "lxcfs-mount",
  category: "filesystem",
  why: "LXCFS is a program of the host's root that answers in the sandbox; mounted read-write it hands out the host's cgroups.",
  misses: "LXCFS under another name of file system; and what the program does with what it is asked.",
  source: "CDK, evaluate/mounts (lxcfs-rw); lxcfs(1)",
  async run(context) {
    const { mounts } = context.facts;
    if (mounts === undefined)
      return { rows: [notMeasured("lxcfs-mount", "LXCFS", "/proc/self/mountinfo cannot be read")] };
    const rows: Row[] = [];
    for (const line of byPath(mounts).filter(({ fsType }) => fsType === "fuse.lxcfs")) {
      const shown = showPath(context, line.path);
      const id = `lxcfs-mount:${named(shown)}`;
      const writable = await context.ground.access(line.path, "write");
      if (line.isReadOnly) rows.push(denied(id, shown, CONTROL.write, "LXCFS, mounted read-only", line.path));
      else if (writable.status === "answered")
        rows.push(reachable(id, shown, ["write"], "LXCFS, mounted read-write", line.path));
      else rows.push(denied(id, shown, CONTROL.write, `LXCFS: ${mechanism(writable.errno)}`, line.path));
    }
    return { rows: rows.length > 0 ? rows : [absent("lxcfs-mount", "LXCFS", "not mounted")] };
  },
};
