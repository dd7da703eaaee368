import type { Check } from "../probe.ts";
import { absent, CONTROL, denied, mechanism, notMeasured, reachable } from "../row.ts";

const ID = "kernel-keyring";
const SUBJECT = "keys in the kernel's keyrings";
/** Types that only hold other keys, or that the kernel makes for itself. */
const HOLDERS = new Set(["keyring", "asymmetri"]);

export const kernelKeyring: Check = {
  id: ID,
  category: "secrets",
  why: "Kerberos tickets, disk keys and passwords lie in keyrings, which no namespace of a container parts.",
  misses: "Keys that this process possesses and the table does not show; their names and contents are not repeated.",
  source: "keyrings(7); proc_keys(5); CVE-2016-0728 for the reach of keyrings",
  async run({ facts, ground }) {
    const table = await ground.table("/proc/keys");
    if (table.status === "refused") {
      if (table.errno === "ENOENT" && facts.status !== undefined)
        return { rows: [absent(ID, SUBJECT, "this kernel shows no keyrings")] };
      if (facts.status === undefined) return { rows: [notMeasured(ID, SUBJECT, `/proc/keys: ${table.errno}`)] };
      return { rows: [denied(ID, SUBJECT, CONTROL.table, mechanism(table.errno))] };
    }
    const types = keyTypes(table.value).filter((type) => !HOLDERS.has(type));
    if (types.length === 0) return { rows: [absent(ID, SUBJECT, "the table shows none, or is masked")] };
    return { rows: [reachable(ID, SUBJECT, ["list"], `of the types ${[...new Set(types)].sort().join(", ")}`)] };
  },
};

/** The eighth column of each line: the type, cut to nine characters (proc_keys(5)). */
export function keyTypes(table: string): string[] {
  return table
    .split("\n")
    .map((line) => line.trim().split(/\s+/)[7] ?? "")
    .filter((type) => /^[a-z0-9_.-]{1,9}$/.test(type));
}
