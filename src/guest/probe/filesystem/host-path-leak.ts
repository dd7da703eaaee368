import type { Check } from "../probe.ts";
import { absent, notMeasured, reachable } from "../row.ts";

const SUBJECT = "paths of the host in the mount table";

export const hostPathLeak: Check = {
  id: "host-path-leak",
  category: "filesystem",
  why: "A layer's or a bind's path on the host tells an intruder where the sandbox lies on the machine.",
  misses: "Paths that leak by other tables, such as the target of a deleted file.",
  source: "overlayfs upperdir in mountinfo; measured with Docker 20.10",
  async run({ facts }) {
    if (facts.mounts === undefined) {
      return { rows: [notMeasured("host-path-leak", SUBJECT, "/proc/self/mountinfo cannot be read")] };
    }
    const isLayer = facts.mounts.some((mount) => /(^|,)(upperdir|workdir|lowerdir)=\//.test(mount.superOptions));
    // The source of a bind, unless it is a name any machine has (/null, /.., /etc).
    const isBind = facts.mounts.some((mount) => mount.root.split("/").length > 3 && mount.root !== mount.path);
    const what = [isLayer ? "layer directories" : "", isBind ? "sources of bind mounts" : ""].filter(
      (part) => part !== "",
    );
    if (what.length === 0) return { rows: [absent("host-path-leak", SUBJECT, "the table shows none")] };
    return { rows: [reachable("host-path-leak", SUBJECT, ["read"], `shown: ${what.join(" and ")}`)] };
  },
};
