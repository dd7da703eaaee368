import type { Check, Context, Row } from "../probe.ts";
import { CONTROL, denied, notMeasured, reachable } from "../row.ts";

/** What is limited, and where each cgroup version keeps it, relative to the hierarchy's mount and the group's path. */
const GROUPS = [
  { name: "pids", what: "the number of processes", v2: "pids.max", v1: ["pids", "pids.max"] },
  { name: "memory", what: "memory", v2: "memory.max", v1: ["memory", "memory.limit_in_bytes"] },
  { name: "cpu", what: "processor time", v2: "cpu.max", v1: ["cpu", "cpu.cfs_quota_us"] },
] as const;

/** What cgroup version 1 prints for no limit: the largest page-aligned number. */
const V1_UNLIMITED = 0x7fff_ffff_ffff_f000;

export const resourceLimit: Check = {
  id: "resource-limit",
  category: "process",
  why: "Without limits one process inside takes the whole machine down.",
  misses: "Limits of groups further up, when only the sandbox's own part of the hierarchy is shown.",
  source: "CIS Docker Benchmark 1.6, 5.10, 5.11, 5.28; cgroups(7)",
  async run(context) {
    const rows = await Promise.all(GROUPS.map((group) => askGroup(context, group)));
    return { rows: [...rows, await askFiles(context)] };
  },
};

async function askGroup(context: Context, group: (typeof GROUPS)[number]): Promise<Row> {
  const id = `resource-limit:${group.name}`;
  for (const path of await paths(context, group)) {
    const value = await context.ground.table(path, 128);
    if (value.status === "refused") continue;
    const text = value.value.trim();
    const isUnlimited = /^(max\b|-1$)/.test(text) || Number(text) >= V1_UNLIMITED;
    if (isUnlimited) return reachable(id, `${group.what} without a limit`, ["configure"], "the cgroup sets none");
    return denied(id, `${group.what} without a limit`, CONTROL.table, `limited to ${text}`);
  }
  if (await isRootGroup(context, group)) {
    return reachable(id, `${group.what} without a limit`, ["configure"], "in the root group, which has no limits");
  }
  return notMeasured(id, `${group.what} without a limit`, "no cgroup table of this process is visible inside");
}

/** The root of a hierarchy has no files for limits, but its list of processes is there. */
async function isRootGroup(context: Context, group: (typeof GROUPS)[number]): Promise<boolean> {
  for (const path of await paths(context, group)) {
    const list = path.replace(/[^/]+$/, "cgroup.procs");
    if (context.facts.boundary === "none" && (await context.ground.stat(list)).status === "answered") return true;
  }
  return false;
}

/** The group's own path first; inside a cgroup namespace, or with only its part mounted, it is the mount itself. */
async function paths({ facts, ground }: Context, group: (typeof GROUPS)[number]): Promise<string[]> {
  const own = await ground.table("/proc/self/cgroup", 8_192);
  if (own.status === "refused") return [];
  const found: string[] = [];
  for (const line of own.value.split("\n")) {
    const [, controllers, path] = line.split(":");
    if (path === undefined || controllers === undefined) continue;
    const isV2 = controllers === "";
    if (!isV2 && !controllers.split(",").includes(group.v1[0])) continue;
    const file = isV2 ? group.v2 : group.v1[1];
    for (const mount of facts.mounts ?? []) {
      const isIts = isV2
        ? mount.fsType === "cgroup2"
        : mount.fsType === "cgroup" && mount.superOptions.split(",").includes(group.v1[0]);
      if (isIts) found.push(`${mount.path}${path === "/" ? "" : path}/${file}`, `${mount.path}/${file}`);
    }
  }
  return found;
}

async function askFiles({ ground }: Context): Promise<Row> {
  const id = "resource-limit:open-files";
  const subject = "open files without a limit";
  const table = await ground.table("/proc/self/limits", 8_192);
  if (table.status === "refused") return notMeasured(id, subject, `/proc/self/limits: ${table.errno}`);
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(table.value)?.[1];
  if (hard === undefined) return notMeasured(id, subject, "/proc/self/limits does not show it");
  if (hard === "unlimited") return reachable(id, subject, ["configure"], "no limit");
  return denied(id, subject, CONTROL.table, `limited to ${hard}`);
}
