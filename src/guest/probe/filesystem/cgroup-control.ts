import { byPath, type MountLine } from "../mounts.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, CONTROL, denied, mechanism, notMeasured, reachable } from "../row.ts";

export const cgroupControl: Check = {
  id: "cgroup-control",
  category: "filesystem",
  why: "A writable hierarchy lifts the sandbox's own limits, and version 1's release_agent names a program that the host runs.",
  misses: "Hierarchies that are not mounted but that a process with CAP_SYS_ADMIN could mount.",
  source: "CVE-2022-0492; cgroups(7)",
  async run(context) {
    const { mounts } = context.facts;
    if (mounts === undefined) {
      return { rows: [notMeasured("cgroup-control", "cgroup hierarchies", "/proc/self/mountinfo cannot be read")] };
    }
    const lines = byPath(mounts).filter((line) => line.fsType === "cgroup" || line.fsType === "cgroup2");
    return { rows: [await hierarchies(context, lines), await releaseAgent(context, lines)] };
  },
};

async function hierarchies(context: Context, lines: readonly MountLine[]): Promise<Row> {
  const id = "cgroup-control:hierarchy";
  const subject = "cgroup hierarchies";
  if (lines.length === 0) return absent(id, subject, "none is mounted inside");
  if (context.facts.boundary === "gvisor") return denied(id, subject, CONTROL.write, "gVisor's own, not the host's");
  let errno = "EROFS";
  for (const line of lines) {
    const writable = await context.ground.access(line.path, "write");
    if (writable.status === "refused") errno = writable.errno;
    else if (!line.isReadOnly) {
      const version = line.fsType === "cgroup2" ? "version 2" : "version 1";
      return reachable(
        id,
        subject,
        ["write", "configure"],
        `${version}, mounted read-write at ${line.path}`,
        line.path,
      );
    }
  }
  return denied(id, subject, CONTROL.write, mechanism(errno));
}

async function releaseAgent(context: Context, lines: readonly MountLine[]): Promise<Row> {
  const id = "cgroup-control:release-agent";
  const subject = "release_agent of cgroup version 1";
  if (context.facts.boundary === "gvisor") return absent(id, subject, "gVisor has none");
  let refused: string | undefined;
  for (const line of lines.filter(({ fsType }) => fsType === "cgroup")) {
    const path = `${line.path}/release_agent`;
    if ((await context.ground.stat(path)).status === "refused") continue;
    const writable = await context.ground.access(path, "write");
    if (writable.status === "answered" && !line.isReadOnly) {
      return reachable(id, subject, ["write", "configure"], "visible, and permissions and mount allow writing", path);
    }
    refused = writable.status === "refused" ? writable.errno : "EROFS";
  }
  if (refused === undefined) return absent(id, subject, "not visible");
  return denied(id, subject, CONTROL.write, mechanism(refused));
}
