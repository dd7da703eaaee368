import { readFileSync } from "node:fs";
import { errnoOf } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";
import { netnsOf } from "../../stop/netns.ts";
import { ADDRESSES, LINK } from "./addresses.ts";

/**
 * The pair of interfaces that joins a target's network namespace with the sink's, and the routes on both sides. In the sink's
 * every address is local (`ip route add local …`, the kernel's any-address), so that whatever is sent anywhere arrives.
 * Neither end is ever in the machine's namespace: the pair is made in the sink's and its far end born in the target's.
 */

/** `iproute2` may be missing, or a kernel without veth; then `reason` says so. */
export type Joined = { status: "joined"; hasIpv6: boolean } | { status: "refused"; reason: string };

export async function join(options: {
  sinkPid: number;
  targetPid: number;
  isEngine: boolean;
  /** The target's own stack has its end already, and the other lies beside it. */
  isOwnStack: boolean;
}): Promise<Joined> {
  const { sinkPid, targetPid, isEngine, isOwnStack } = options;
  const moved = isOwnStack ? await batch(targetPid, [`link set ${LINK.sink} netns ${sinkPid}`]) : undefined;
  if (moved !== undefined) return { status: "refused", reason: moved };
  const pair = isOwnStack ? [] : [`link add ${LINK.sink} type veth peer name ${LINK.target} netns ${targetPid}`];
  const sink = await batch(sinkPid, [
    "link set lo up",
    ...pair,
    `addr add ${ADDRESSES.gateway}/24 dev ${LINK.sink}`,
    `addr add ${ADDRESSES.neighbour}/24 dev ${LINK.sink}`,
    `link set ${LINK.sink} up`,
    // Longer than the next one, so that answers find their way out.
    `route add ${ADDRESSES.target}/32 dev ${LINK.sink} table local`,
    "route add local 0.0.0.0/0 dev lo table local",
  ]);
  if (sink !== undefined) return { status: "refused", reason: sink };
  if (isOwnStack) return { status: "joined", hasIpv6: await sinkIpv6(sinkPid) };
  const target = await batch(targetPid, [
    "link set lo up",
    `link set ${LINK.target} up`,
    `addr add ${ADDRESSES.target}/24 dev ${LINK.target}`,
    `route add default via ${ADDRESSES.gateway}`,
  ]);
  if (target !== undefined) return { status: "refused", reason: target };
  if (isEngine) await allowEcho(targetPid);
  return { status: "joined", hasIpv6: await joinIpv6(sinkPid, targetPid) };
}

/** An engine switches it off where its network has none; then the target has none here either. */
async function joinIpv6(sinkPid: number, targetPid: number): Promise<boolean> {
  if (!(await sinkIpv6(sinkPid))) return false;
  const target = await batch(targetPid, [
    `addr add ${ADDRESSES.target6}/64 dev ${LINK.target} nodad`,
    `route add ::/0 via ${ADDRESSES.gateway6}`,
  ]);
  return target === undefined;
}

async function sinkIpv6(sinkPid: number): Promise<boolean> {
  const refusal = await batch(sinkPid, [
    `addr add ${ADDRESSES.gateway6}/64 dev ${LINK.sink} nodad`,
    `addr add ${ADDRESSES.neighbour6}/64 dev ${LINK.sink} nodad`,
    `route add ${ADDRESSES.target6}/128 dev ${LINK.sink} table local`,
    "route add local ::/0 dev lo table local",
    // Of IPv6 the kernel lets nobody bind to an address that no interface has.
    ...[ADDRESSES.outside6, ADDRESSES.foreignResolver6].map((address) => `addr add ${address}/128 dev lo nodad`),
  ]);
  return refusal === undefined;
}

/** As an engine does for every container of its own (moby, oci_linux.go: net.ipv4.ping_group_range). Left as it is where that is refused. */
async function allowEcho(targetPid: number): Promise<void> {
  const script = 'echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range';
  await inNetns(targetPid, ["/bin/sh", "-c", script]);
}

/** From the sink's side, where the target's own stack answers and nothing of ours can be run in it. */
export async function answersEcho(sinkPid: number, busybox: string): Promise<boolean> {
  return (await inNetns(sinkPid, [busybox, "ping", "-c", "1", "-W", "2", ADDRESSES.target])) === undefined;
}

/** What went wrong, in one line; undefined when nothing did. */
async function batch(pid: number, lines: readonly string[]): Promise<string | undefined> {
  return inNetns(pid, ["ip", "-batch", "-"], lines.map((line) => `${line}\n`).join(""));
}

const TOOL_MS = 20_000;

/** Runs a tool of ours in the network namespace of that process, and in nothing else of it. */
async function inNetns(pid: number, argv: readonly string[], stdin = ""): Promise<string | undefined> {
  if (netnsOf(pid) === undefined) return `process ${pid} has no network namespace of its own`;
  try {
    const { code, stderr } = await exec(["nsenter", `--net=/proc/${pid}/ns/net`, "--", ...argv], {
      stdin,
      timeoutMs: TOOL_MS,
    });
    if (code === 0) return undefined;
    return stderr.trim().split("\n")[0] || `${argv[0]} ended with code ${code ?? "none"}`;
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    return "nsenter is not installed";
  }
}

/**
 * The process whose network namespace the target's packets leave from. Mostly the first one itself; a tool that gives its
 * command a namespace without a way out (srt) has its proxies in the room around it, so there it is the nearest process above
 * in another namespace that is not the machine's.
 */
export function leavingFrom(pid: number, isTool: boolean): number {
  const own = netnsOf(pid);
  if (!isTool || own === undefined) return pid;
  for (let at = parentOf(pid); at > 1; at = parentOf(at)) {
    const netns = netnsOf(at);
    if (netns === undefined) return pid;
    if (netns !== own) return at;
  }
  return pid;
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
}
