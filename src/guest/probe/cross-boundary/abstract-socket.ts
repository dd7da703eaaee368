import type { Check, Row } from "../probe.ts";
import { absent, instance, notMeasured, reachable } from "../row.ts";
import { connecting } from "../sockets.ts";

const SOCKETS_MAX = 64;
/** SO_ACCEPTCON in the Flags column: somebody listens. */
const ACCEPTS = 0x10000;

export const abstractSocket: Check = {
  id: "abstract-socket",
  category: "cross-boundary",
  why: "Abstract sockets have no file and no permission: whoever shares the network namespace may connect.",
  misses: "Who listens: nothing is said to it. Datagram sockets are not asked.",
  source: "CVE-2020-15257 (containerd-shim's abstract socket); unix(7)",
  async run(context) {
    const table = await context.ground.table("/proc/net/unix");
    if (table.status === "refused") {
      return { rows: [notMeasured("abstract-socket", "abstract sockets", `/proc/net/unix: ${table.errno}`)] };
    }
    const names = parseAbstract(table.value);
    const rows: Row[] = [];
    for (const name of names.slice(0, SOCKETS_MAX)) {
      const id = `abstract-socket:${instance(`@${name}`)}`;
      const subject = `abstract socket @${name.slice(0, 80)}`;
      const place = `@${name}`;
      if (context.request.isPassive) {
        rows.push(reachable(id, subject, ["connect"], "listening in the kernel's table; not connected to", place));
      } else rows.push(await connecting(context, { id, subject, place, target: { abstract: name }, through: "" }));
    }
    if (rows.length === 0) rows.push(absent("abstract-socket", "abstract sockets", "nobody listens on one"));
    if (names.length <= SOCKETS_MAX) return { rows };
    return { rows, fellShort: `only ${SOCKETS_MAX} sockets were asked` };
  },
};

/** Names without the leading `@`, of listening sockets only. */
export function parseAbstract(table: string): string[] {
  const names = new Set<string>();
  for (const line of table.split("\n").slice(1)) {
    const match = /^\S+:\s+\S+\s+\S+\s+([0-9A-F]+)\s+\S+\s+\S+\s+\d+\s+@(.+)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined && (Number.parseInt(match[1], 16) & ACCEPTS) !== 0) {
      names.add(match[2]);
    }
  }
  return [...names].sort();
}
