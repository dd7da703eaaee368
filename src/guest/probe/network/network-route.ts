import type { Check, Context, Row } from "../probe.ts";
import { absent, notMeasured, reachable } from "../row.ts";

export const networkRoute: Check = {
  id: "network-route",
  category: "network",
  why: "A default route is the kernel's word that there is a way out.",
  misses: "Policy routing tables, and a filter behind the route.",
  source: "proc_pid_net(5), route",
  async run(context) {
    const subjects = { ipv4: "a default route for IPv4", ipv6: "a default route for IPv6" };
    return {
      rows: [
        await ask(context, "network-route:default-ipv4", subjects.ipv4, "/proc/net/route", hasDefault4),
        await ask(context, "network-route:default-ipv6", subjects.ipv6, "/proc/net/ipv6_route", hasDefault6),
        await nameservers(context),
      ],
    };
  },
};

async function ask(
  { ground }: Context,
  id: string,
  subject: string,
  path: string,
  isIn: (table: string) => boolean,
): Promise<Row> {
  const table = await ground.table(path);
  if (table.status === "refused") {
    if (table.errno === "ENOENT") return absent(id, subject, "the kernel has no such table here");
    return notMeasured(id, subject, `${path}: ${table.errno}`);
  }
  return isIn(table.value)
    ? reachable(id, subject, ["connect"], "in the routing table")
    : absent(id, subject, "no such route");
}

/** Destination and mask are all zero, and the route is up (flag 1). */
export function hasDefault4(table: string): boolean {
  return table
    .split("\n")
    .slice(1)
    .some((line) => {
      const [, destination, , flags, , , , mask] = line.trim().split(/\s+/);
      return destination === "00000000" && mask === "00000000" && (Number.parseInt(flags ?? "0", 16) & 1) === 1;
    });
}

/** Destination ::/0, up, and not the kernel's own reject route on the loopback. */
export function hasDefault6(table: string): boolean {
  return table.split("\n").some((line) => {
    const fields = line.trim().split(/\s+/);
    const isDefault = /^0{32}$/.test(fields[0] ?? "") && fields[1] === "00";
    return isDefault && fields[9] !== "lo" && (Number.parseInt(fields[8] ?? "0", 16) & 1) === 1;
  });
}

/** Names of servers only as a number of them: their addresses are the host's. */
async function nameservers({ ground }: Context): Promise<Row> {
  const id = "network-route:nameserver";
  const subject = "name servers in resolv.conf";
  const table = await ground.table("/etc/resolv.conf", 8_192);
  if (table.status === "refused") return absent(id, subject, `resolv.conf: ${table.errno}`);
  const servers = table.value.split("\n").filter((line) => /^\s*nameserver\s+\S/.test(line));
  const outside = servers.filter((line) => !/nameserver\s+(127\.|::1)/.test(line));
  if (outside.length === 0) return absent(id, subject, "none outside the loopback");
  return reachable(id, subject, ["read"], `${outside.length} named; whether they answer was not asked`);
}
