import type { Check, Context, Row } from "../probe.ts";
import { absent, notMeasured, reachable } from "../row.ts";
import { connecting } from "../sockets.ts";

const TABLES = [
  ["tcp", "/proc/net/tcp"],
  ["tcp", "/proc/net/tcp6"],
  ["udp", "/proc/net/udp"],
  ["udp", "/proc/net/udp6"],
] as const;
const LISTENERS_MAX = 64;
const LISTEN = "0A";
const UDP_UNCONNECTED = "07";
/** Where the kernel takes ports from when nobody asks for one (ip_local_port_range, default). */
const EPHEMERAL_MIN = 32_768;
const EPHEMERAL_MAX = 60_999;

export type Listener = { protocol: "tcp" | "udp"; host: string; port: number };

export const loopbackListener: Check = {
  id: "loopback-listener",
  category: "network",
  why: "Local servers, MCP servers among them, serve whoever connects on the loopback and ask for nothing.",
  misses: "Who listens: nothing is said to it. A UDP listener is taken from the table and not confirmed.",
  source: "CVE-2025-49596 (MCP Inspector on loopback); proc_pid_net(5)",
  async run(context) {
    const listeners: Listener[] = [];
    let isAnyTable = false;
    for (const [protocol, path] of TABLES) {
      const table = await context.ground.table(path);
      if (table.status === "refused") continue;
      isAnyTable = true;
      listeners.push(...parseListeners(protocol, table.value));
    }
    if (!isAnyTable) {
      return {
        rows: [
          notMeasured("loopback-listener", "listeners on the loopback", "the kernel's socket tables cannot be read"),
        ],
      };
    }
    const rows: Row[] = [];
    for (const listener of listeners.slice(0, LISTENERS_MAX)) rows.push(await ask(context, listener));
    if (rows.length === 0) rows.push(absent("loopback-listener", "listeners on the loopback", "none"));
    if (listeners.length <= LISTENERS_MAX) return { rows };
    return { rows, fellShort: `only ${LISTENERS_MAX} listeners were looked at` };
  },
};

/** A port that the kernel chose has no name to be known by, so all of them are one row. */
async function ask(context: Context, { protocol, host, port }: Listener): Promise<Row> {
  const isEphemeral = port >= EPHEMERAL_MIN && port <= EPHEMERAL_MAX;
  const name = `${host.includes(":") ? `[${host}]` : host}:${isEphemeral ? "ephemeral" : port}`;
  const id = `loopback-listener:${protocol === "udp" ? "udp:" : ""}${name}`;
  const subject = `${protocol} listener at ${name}`;
  const place = `${protocol}:${host}:${port}`;
  if (protocol === "udp")
    return reachable(id, subject, ["connect"], "bound in the kernel's table; nothing was sent", place);
  if (context.request.isPassive) {
    return reachable(
      id,
      subject,
      ["connect"],
      "listening in the kernel's table; not connected to, so that nothing wakes",
      place,
    );
  }
  return connecting(context, { id, subject, place, target: { host, port }, through: "" });
}

/** Listeners on the loopback or on every address, which includes it. See proc_pid_net(5) for the columns. */
export function parseListeners(protocol: "tcp" | "udp", table: string): Listener[] {
  const found: Listener[] = [];
  for (const line of table.split("\n").slice(1)) {
    const [, local, , state] = line.trim().split(/\s+/);
    const [address, portHex] = local?.split(":") ?? [];
    if (address === undefined || portHex === undefined) continue;
    if (state !== (protocol === "tcp" ? LISTEN : UDP_UNCONNECTED)) continue;
    const host = loopbackOf(address);
    if (host !== undefined) found.push({ protocol, host, port: Number.parseInt(portHex, 16) });
  }
  return found.sort((a, b) => a.port - b.port || (a.host < b.host ? -1 : 1));
}

/** The kernel prints an address as 32-bit words of the machine's byte order, little-endian wherever Node runs. */
function loopbackOf(hex: string): string | undefined {
  if (hex === "00000000") return "127.0.0.1";
  if (/^0{32}$/.test(hex) || hex === "00000000000000000000000001000000") return "::1";
  const words = /^(?:0{16}FFFF0000)?([0-9A-F]{8})$/.exec(hex)?.[1];
  const bytes = words
    ?.match(/../g)
    ?.map((byte) => Number.parseInt(byte, 16))
    .toReversed();
  return bytes?.[0] === 127 ? bytes.join(".") : undefined;
}
