import type { Check } from "../probe.ts";
import { absent, notMeasured, reachable } from "../row.ts";

const ID = "user-identity";
const SUBJECT = "root of the host's user namespace";

/**
 * A table that the kernel makes and that belongs to the host's root. Its owner's number as seen from here is the number
 * that root outside has inside; uid_map shows one namespace further out only, and launchers nest them.
 */
const OF_HOST_ROOT = "/proc/version";
/** What the kernel shows for a user who has no number here (overflowuid, default). */
const NOBODY = "65534";

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
    if (facts.isOwnKernel) return { rows: [absent(ID, SUBJECT, `${who}, of a kernel that is not the host's`)] };
    const owner = await ground.stat(OF_HOST_ROOT);
    if (owner.status === "refused")
      return { rows: [notMeasured(ID, SUBJECT, `${who}; ${OF_HOST_ROOT}: ${owner.errno}`)] };
    if (owner.value.uid !== Number(effective)) return { rows: [absent(ID, SUBJECT, `${who}, not root outside`)] };
    if (effective === NOBODY)
      return { rows: [notMeasured(ID, SUBJECT, `${who}, the number that unknown users share`)] };
    return { rows: [reachable(ID, SUBJECT, ["execute"], `${who}, and root outside`)] };
  },
};
