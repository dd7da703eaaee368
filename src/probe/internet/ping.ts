import type { Observation, ProbeReport } from "../../guest/observation.ts";
import { everyTry } from "../../guest/probe/network/everyTry.ts";
import type { SimulatedInternet } from "../../guest/probe/network/try.ts";
import { GUEST_DIR } from "../../guest/wire.ts";

/** Runs a program inside, as the agent's user. */
export type Runner = (
  argv: [string, ...string[]],
) => Promise<{ code: number | null; stdout: string; stderr: string }>;

/** Echo requests are sent beside the probe, which starts no program and has no such socket. */
export async function withPings(report: ProbeReport, network: SimulatedInternet, run: Runner): Promise<ProbeReport> {
  const pings = everyTry(network).filter(({ way }) => way === "ping");
  const told = new Map<string, Said>();
  for (const { id, host } of pings) told.set(id, await ping(host, run));
  const observations = report.observations.map((row): Observation => {
    const said = told.get(row.id);
    return said === undefined ? row : { ...row, verdict: said.verdict, access: [], detail: said.detail };
  });
  return { ...report, observations };
}

type Said = { verdict: "reachable" | "denied" | "not-measured"; detail: string };

const BUSYBOX = `${GUEST_DIR}/busybox`;
/** The group range (icmp(7)) and the own group are told first, then what became of it. */
const SCRIPT = `b=${BUSYBOX}; $b cat /proc/sys/net/ipv4/ping_group_range; $b id -g; exec $b ping -c 1 -W 1 "$0"`;

/** That one came through is said by the sink, not by this. */
async function ping(host: string, run: Runner): Promise<Said> {
  const { code, stdout, stderr } = await run([BUSYBOX, "sh", "-c", SCRIPT, host]);
  if (code === 0) return { verdict: "reachable", detail: "an answer came" };
  // It had its socket, and a rule kept the packet.
  if (/sendto: .*permitted/i.test(stderr))
    return { verdict: "denied", detail: "EPERM, a filter or a route that prohibits" };
  if (!/permitted|denied/i.test(stderr)) {
    const isNoWay = /unreachable/i.test(stderr);
    return { verdict: "denied", detail: isNoWay ? "there is no way there" : "no answer in time" };
  }
  // That busybox asks for a raw socket alone. The kernel may let a group have another kind, with which the image's own ping works.
  const told = stdout.trim().split(/\s+/).map(Number);
  const [from = 1, to = 0, gid = -1] = told;
  if (told.length < 3)
    return { verdict: "not-measured", detail: "it may not be sent by this program, and by whom it may is not told" };
  if (gid < from || gid > to) return { verdict: "denied", detail: "EPERM, a missing capability" };
  return {
    verdict: "not-measured",
    detail: "the kernel lets this group send them, and the program that is here cannot",
  };
}
