import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../base/errors.ts";
import type { CheckRun, Observation } from "../guest/observation.ts";
import type { SimulatedInternet } from "../guest/probe/network/try.ts";
import { INTERFACE, RESOLV_CONF } from "../probe/internet/addresses.ts";
import { type Internet, openInternet, type Standing } from "../probe/internet/internet.ts";
import { judge, unjudged } from "../probe/internet/judge.ts";
import { listeningPorts, notListed } from "../probe/internet/listening.ts";
import { withPings } from "../probe/internet/ping.ts";
import type { Measurement } from "../probe/probe.ts";
import type { Driver, SandboxSpec } from "../sandbox/sandbox.ts";
import type { Declared } from "../stack/stack.ts";
import type { Other } from "./faithful.ts";
import type { Firewall } from "./firewall.ts";
import type { Ground } from "./ground.ts";
import type { Room } from "./rooms.ts";
import type { Chosen } from "./targetDriver.ts";
import type { TargetPlan } from "./targetPlan.ts";

export const RESOLVER_PATH = "/etc/resolv.conf";
const NOT_DECLARED = "the agent's sandbox has no network, and neither has this one";

/** Before the target is made: it is told to ask our sink for names, as an engine tells a container whom to ask. */
export function planResolver(plan: TargetPlan, declared: Declared, driver: Driver, directory: string): void {
  if (declared.network === "none" || whyNone(driver) !== undefined) return;
  if (plan.mounts.some(({ path }) => path === RESOLVER_PATH)) return;
  const source = join(directory, "resolv.conf");
  writeFileSync(source, RESOLV_CONF, { mode: 0o644 });
  plan.mounts.push({ kind: "bind", source, path: RESOLVER_PATH, mode: "ro" });
}

/** Around a target whose real sandbox has a network. Its process is the sandbox's from then on: it is in the journal and ends with it. */
export async function internetAround(
  ground: Ground,
  { sandbox }: Pick<Room, "sandbox">,
  { declared, chosen, isSigning }: { declared: Declared; chosen: Chosen; isSigning: boolean },
): Promise<Internet> {
  if (declared.network === "none") return { status: "none", reason: NOT_DECLARED };
  const internet = await openInternet({
    sandbox: sandbox.name,
    pid: sandbox.pid,
    cannot: whyNone(chosen.driver),
    isOwnStack: hasOwnStack(chosen.driver),
    isTool: chosen.isTool,
    isEngine: ["devcontainer", "compose", "docker-run"].includes(declared.kind),
    allowed: allowedNames(declared),
    isSigning,
    busybox: join(ground.image.guest, "busybox"),
  });
  if (internet.status === "none") return internet;
  try {
    sandbox.adopt(internet.process);
  } catch (thrown) {
    // What cannot be written down does not stay.
    await internet.end();
    throw thrown;
  }
  return internet;
}

function whyNone({ kind, isolation }: Driver): string | undefined {
  if (kind === "e2b") return "it stands at E2B, where no network of ours can be joined to it";
  if (isolation === "gvisor" && !hasOwnStack({ kind, isolation }))
    return "an engine starts gVisor with the interfaces that are there at that moment, and by then none is joined";
  if (isolation === "microvm") return "a virtual machine of ours has no interface that could be joined";
  return undefined;
}

/** One that is given its interface when it begins. */
function hasOwnStack({ kind }: Pick<Driver, "kind" | "isolation">): boolean {
  return kind === "runsc";
}

/** What such a target has to be made with; only root can make one. */
export function interfaceFor({ network }: Declared, driver: Driver): SandboxSpec["interface"] {
  const isJoinable = network !== "none" && hasOwnStack(driver) && process.getuid?.() === 0;
  return isJoinable ? INTERFACE : undefined;
}

/** Of srt: its proxy lets these through. */
function allowedNames({ settings }: Declared): string[] {
  const network = settings?.["network"];
  if (typeof network !== "object" || network === null || !("allowedDomains" in network)) return [];
  const names: unknown = network.allowedDomains;
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
}

/** What goes out of a sandbox, or is held back: whatever else stood between in the real one, what is open here says nothing of it. */
const OUTWARD =
  "dns-resolution dns-channel outbound-tcp data-flow outbound-other address-form proxy-ignored metadata-responder host-gateway engine-endpoint neighbour kubernetes-api".split(
    " ",
  );

/** Does this check ask for what is outside the sandbox? */
export function isOutward(check: string): boolean {
  return OUTWARD.includes(check) || check === "egress-map" || check === "relay";
}

/**
 * What a firewall of the sandbox's own leaves to be said. One that was not run may hold back whatever is open here; one that ended
 * badly may stand in part, so that neither a way nor a refusal is the real one's. Pure.
 */
export function othersByFirewall(firewall: Firewall): { narrower: Other[]; wider: Other[] } {
  switch (firewall.status) {
    case "none":
    case "raised":
      return { narrower: [], wider: [] };
    case "unknown":
      return { narrower: [], wider: outward(firewall.why) };
    case "failed":
      return { narrower: outward(firewall.why), wider: outward(firewall.why) };
  }
}

function outward(why: string): Other[] {
  return OUTWARD.map((of) => ({ of, why }));
}

/** Takes a measurement, and holds what it says of the network against what arrived at the sink. */
export async function heldAgainstSink(
  room: Room,
  internet: Internet | undefined,
  probe: (network?: SimulatedInternet) => Promise<Measurement>,
  run: Parameters<typeof withPings>[2],
  firewall: Firewall = { status: "none" },
): Promise<Measurement> {
  if (internet?.status !== "standing") return probe();
  const network = internet.network(firewall.status === "raised" ? firewall.asked : []);
  const before = await told(internet);
  const measured = await probe(network);
  if (measured.status === "refused") return measured;
  const report = await withPings(measured.report, network, run);
  const after = await told(internet);
  if (typeof before === "string" || typeof after === "string") {
    const reason = `the sink of the simulated internet around the ${room.role} said nothing: ${[before, after].find((one) => typeof one === "string")}`;
    return { status: "measured", report: unjudged(report, network, reason) };
  }
  return { status: "measured", report: judge(report, { network, before, after, control: internet.control }) };
}

/** A sink that has ended or hangs is no reason to end a cycle: what hangs on it reads not-measured. */
async function told(internet: Standing): Promise<Awaited<ReturnType<Standing["told"]>> | string> {
  try {
    return await internet.told();
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** From outside: what in the target listens for others. Nothing where it has no network. */
export async function listeningIn(
  { sandbox }: Pick<Room, "sandbox">,
  internet: Internet | undefined,
): Promise<{ observations: Observation[]; checks: CheckRun[] }> {
  if (internet?.status !== "standing") return { observations: [], checks: [] };
  if (internet.isOwnStack) return { observations: [], checks: [notListed("its own network stack keeps the table")] };
  const { observations, run } = await listeningPorts(sandbox.pid, internet);
  return { observations, checks: [run] };
}
