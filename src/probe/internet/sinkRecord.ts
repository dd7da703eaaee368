import { readFileSync } from "node:fs";
import { TOKEN } from "../../guest/probe/network/try.ts";
import type { Arrival, Told } from "./messages.ts";
import { type Names, newNames } from "./names.ts";

const ARRIVALS_MAX = 2_000;

/** What arrived, bounded, because whoever is in the sandbox decides how much that is. */
export type SinkRecord = {
  /** Keeps what holds a token, and returns the token. */
  take(text: string, of: Omit<Arrival, "token">): string | undefined;
  connected(host: string, port: number): void;
  addressOf: Names["addressOf"];
  tell(): Omit<Told, "type" | "id">;
};

export function newRecord(): SinkRecord {
  const arrivals = new Map<string, Arrival>();
  const connections = new Map<string, number>();
  const names = newNames();
  let isFull = false;
  const isRoom = (size: number): boolean => {
    if (size >= ARRIVALS_MAX) isFull = true;
    return size < ARRIVALS_MAX;
  };
  return {
    take(text, of) {
      const token = TOKEN.exec(text)?.[0];
      if (token === undefined) return undefined;
      const key = `${token} ${of.protocol} ${of.host} ${of.port}`;
      if (!arrivals.has(key) && isRoom(arrivals.size)) arrivals.set(key, { token, ...of });
      return token;
    },
    connected(host, port) {
      const place = `${host} ${port}`;
      const count = connections.get(place);
      if (count !== undefined || isRoom(connections.size)) connections.set(place, (count ?? 0) + 1);
    },
    addressOf: names.addressOf,
    tell: () => ({
      arrivals: [...arrivals.values()],
      connected: Object.fromEntries(connections),
      echoes: echoes(),
      names: names.tell(),
      isFull,
    }),
  };
}

/** proc_pid_net(5): the kernel's own count, for this network namespace. */
function echoes(): Told["echoes"] {
  const [names, values] = readFileSync("/proc/self/net/snmp", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("Icmp: "))
    .map((line) => line.split(" "));
  const ipv4 = Number(values?.[names?.indexOf("InEchos") ?? -1] ?? 0);
  return { ipv4, ipv6: echoes6() };
}

function echoes6(): number {
  let table: string;
  try {
    table = readFileSync("/proc/self/net/snmp6", "utf8");
  } catch (thrown) {
    // A kernel without IPv6 has no such table, and nothing of it can have arrived.
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return 0;
    throw thrown;
  }
  return Number(/^Icmp6InEchos\s+(\d+)/m.exec(table)?.[1] ?? 0);
}
