import { readFile } from "node:fs/promises";
import { messageOf } from "../../base/errors.ts";
import type { CheckRun, Observation } from "../../guest/observation.ts";
import type { Standing } from "./internet.ts";

/** Rows told from outside the target, and that the check was made. */
export type Listening = { observations: Observation[]; run: CheckRun };

const CHECK = "listening-port";
const PORTS_MAX = 64;
/** Where the kernel takes ports from when nobody asks for one (ip_local_port_range, default). */
const EPHEMERAL_MIN = 32_768;

/**
 * What in the target listens for others: the kernel's own table of its network namespace, read by the pid from outside, and each
 * port then connected to by a neighbour. Misses UDP, what listens for IPv6 alone on an address that is not every address, and
 * which of the ports the declaration publishes on the machine.
 */
export async function listeningPorts(pid: number, internet: Pick<Standing, "dial">): Promise<Listening> {
  const line: Omit<CheckRun, "status" | "reason"> = { check: CHECK, category: "network", from: "outside" };
  let ports: number[];
  let answering: Set<number>;
  try {
    const tables = await Promise.all(["tcp", "tcp6"].map((name) => readFile(`/proc/${pid}/net/${name}`, "utf8")));
    ports = openPorts(tables.join("\n"));
    answering = new Set(await internet.dial(ports.slice(0, PORTS_MAX)));
  } catch (thrown) {
    return { observations: [], run: { ...line, status: "failed", reason: messageOf(thrown).slice(0, 400) } };
  }
  const rows = ports.slice(0, PORTS_MAX).map((port) => rowOf(port, answering.has(port)));
  const byId = new Map(rows.map((row) => [row.id, row]));
  const observations = rows.length === 0 ? [nothing()] : [...byId.values()];
  if (ports.length <= PORTS_MAX) return { observations, run: { ...line, status: "ran", reason: "" } };
  return { observations, run: { ...line, status: "degraded", reason: `only ${PORTS_MAX} ports were looked at` } };
}

/** Where the kernel's table says nothing of the target. */
export function notListed(reason: string): CheckRun {
  return { check: CHECK, category: "network", from: "outside", status: "skipped", reason };
}

const LISTEN = "0A";
const LOOPBACK = /^(?:[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F)$/;

/** proc_pid_net(5), the columns of tcp and tcp6. The loopback is nobody else's to reach. */
export function openPorts(table: string): number[] {
  const ports = table.split("\n").flatMap((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    const [address, port] = local?.split(":") ?? [];
    if (state !== LISTEN || address === undefined || port === undefined || LOOPBACK.test(address)) return [];
    return [Number.parseInt(port, 16)];
  });
  return [...new Set(ports)].toSorted((a, b) => a - b);
}

function rowOf(port: number, isAnswering: boolean): Observation {
  const name = port >= EPHEMERAL_MIN ? "ephemeral" : String(port);
  return {
    id: `${CHECK}:tcp:${name}`,
    category: "network",
    subject: `a listener of the sandbox at port ${name}`,
    verdict: isAnswering ? "reachable" : "denied",
    access: isAnswering ? ["connect"] : [],
    from: "outside",
    detail: isAnswering ? "a neighbour connected to it" : "it listens, and a neighbour's connection was not answered",
  };
}

function nothing(): Observation {
  return {
    id: CHECK,
    category: "network",
    subject: "listeners of the sandbox that others can reach",
    verdict: "absent",
    access: [],
    from: "outside",
    detail: "none in the kernel's table",
  };
}
