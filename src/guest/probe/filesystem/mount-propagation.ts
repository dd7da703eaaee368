import { byPath } from "../mounts.ts";
import { showPath } from "../paths.ts";
import type { Check, Row } from "../probe.ts";
import { absent, notMeasured, reachable } from "../row.ts";

export const mountPropagation: Check = {
  id: "mount-propagation",
  category: "filesystem",
  why: "A shared mount carries what is mounted inside out to the host; a slave one brings in what the host mounts later.",
  misses: "Whether this process could mount at all; capability says that.",
  source: "CIS Docker Benchmark 1.6, 5.19; mount_namespaces(7)",
  async run(context) {
    const { mounts } = context.facts;
    if (mounts === undefined) {
      const row = notMeasured("mount-propagation", "mount propagation", "/proc/self/mountinfo cannot be read");
      return { rows: [row] };
    }
    const kinds = ["shared", "slave"] as const;
    return {
      rows: kinds.map((kind): Row => {
        const id = `mount-propagation:${kind}`;
        const paths = byPath(mounts).filter((mount) => mount.propagation === kind);
        if (paths.length === 0) return absent(id, `${kind} mounts`, "none");
        const shown = paths.slice(0, 5).map((mount) => showPath(context, mount.path));
        const more = paths.length > shown.length ? ` and ${paths.length - shown.length} more` : "";
        return reachable(
          id,
          `${kind} mounts`,
          [kind === "shared" ? "configure" : "list"],
          `${shown.join(", ")}${more}`,
        );
      }),
    };
  },
};
