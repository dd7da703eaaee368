import type { Check } from "../probe.ts";
import { absent, notMeasured, reachable } from "../row.ts";

const ID = "user-identity";
const SUBJECT = "root of the host's user namespace";

export const userIdentity: Check = {
  id: ID,
  category: "process",
  why: "Root inside that is root outside is held back by the other walls alone.",
  misses: "Groups by their names.",
  source: "CIS Docker Benchmark 1.6, 4.1; user_namespaces(7)",
  async run({ facts, ground }) {
    const ids = facts.status?.get("Uid")?.split(/\s+/) ?? [];
    const effective = ids[1];
    if (effective === undefined) return { rows: [notMeasured(ID, SUBJECT, "/proc/self/status cannot be read")] };
    const gid = facts.status?.get("Gid")?.split(/\s+/)[1] ?? "unknown";
    const groups = facts.status?.get("Groups") ?? "";
    const who = `uid ${effective}, gid ${gid}, ${groups === "" ? "no further groups" : `groups ${groups}`}`;
    if (effective !== "0") return { rows: [absent(ID, SUBJECT, who)] };
    const map = await ground.table("/proc/self/uid_map", 4_096);
    if (map.status === "refused") return { rows: [notMeasured(ID, SUBJECT, `${who}; uid_map: ${map.errno}`)] };
    if (facts.isOwnKernel) return { rows: [absent(ID, SUBJECT, `${who}, of a kernel that is not the host's`)] };
    if (!isRootMappedToRoot(map.value))
      return { rows: [absent(ID, SUBJECT, `${who}, mapped to another user outside`)] };
    return { rows: [reachable(ID, SUBJECT, ["execute"], `${who}, the same outside`)] };
  },
};

/** One line is: id inside, id outside, how many. */
export function isRootMappedToRoot(map: string): boolean {
  return map.split("\n").some((line) => {
    const [inside, outside] = line.trim().split(/\s+/);
    return inside === "0" && outside === "0";
  });
}
