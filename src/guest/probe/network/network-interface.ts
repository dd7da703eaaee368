import { networkInterfaces } from "node:os";
import type { Check, Row } from "../probe.ts";
import { absent, named, notMeasured, reachable } from "../row.ts";

export const networkInterface: Check = {
  id: "network-interface",
  category: "network",
  why: "Without an interface no packet leaves; with one, every rule above it has to hold.",
  misses: "Where the interface leads: nothing is sent.",
  source: "proc_pid_net(5), dev",
  async run({ ground }) {
    const table = await ground.table("/proc/net/dev");
    if (table.status === "refused") {
      return { rows: [notMeasured("network-interface", "network interfaces", `/proc/net/dev: ${table.errno}`)] };
    }
    const names = parseNetDev(table.value).filter((name) => name !== "lo");
    const up = interfacesWithAddress();
    if (names.length === 0)
      return { rows: [absent("network-interface", "network interfaces", "none but the loopback")] };
    return {
      rows: names.map((name): Row => {
        const id = `network-interface:${named(name.replace(/[0-9a-f]{6,}$/, "<hex>"))}`;
        if (up === undefined) return notMeasured(id, name, "there, but whether it is up cannot be asked");
        if (!up.has(name)) return absent(id, name, "there, but not up or without an address");
        return reachable(id, name, ["connect"], "up, with an address");
      }),
    };
  },
};

/** Names of all interfaces, up or not. */
export function parseNetDev(table: string): string[] {
  return table
    .split("\n")
    .slice(2)
    .map((line) => line.split(":")[0]?.trim() ?? "")
    .filter((name) => name !== "")
    .sort();
}

/** Undefined when the kernel refuses the netlink question that Node asks. */
function interfacesWithAddress(): Set<string> | undefined {
  try {
    return new Set(Object.keys(networkInterfaces()));
  } catch (thrown) {
    if (thrown instanceof Error && "syscall" in thrown) return undefined;
    throw thrown;
  }
}
