import { randomBytes } from "node:crypto";
import { messageOf } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";
import { everyTry } from "../../guest/probe/network/everyTry.ts";
import { METADATA } from "../../guest/probe/network/metadata-responder.ts";
import { type SimulatedInternet, tokenOf } from "../../guest/probe/network/try.ts";
import type { ProcessId } from "../../stop/stop.ts";
import { ADDRESSES, networkFor } from "./addresses.ts";
import type { Told } from "./messages.ts";
import { answersEcho, join, leavingFrom } from "./netns.ts";
import { type Sink, startSink } from "./sink.ts";

/**
 * The simulated internet: what stands around a target whose real sandbox has a network. The target gets an interface whose
 * other end is in a network namespace of a process of ours, the sink, and nowhere else: there every address of both IPs is
 * local, every name has an answer, and nothing leads on to the machine's network. Whatever the sandbox's own controls let
 * pass arrives there and is written down by the nonce it carries; judge.ts holds that against what the inside says.
 *
 * Needs root, `unshare`, `nsenter` and `ip`, and a target whose network is the kernel's, or one with a network stack of its own that
 * was given an end of the pair when it began: a virtual machine without an interface and an outside service have nothing to be joined.
 */
export type Internet = Standing | { status: "none"; reason: string };

export type Standing = {
  status: "standing";
  /** Bears the sandbox's name, and is to end with it. */
  process: ProcessId;
  /** An engine may switch it off; then what is tried over it is refused. */
  hasIpv6: boolean;
  /** Whether a line from the target's namespace arrived before anything ran in it: the positive control of its denials. */
  control: { isHeld: boolean; evidence: string };
  /** PEM, where it was asked for. */
  authority?: string;
  /** For one measurement, with a nonce of its own; `direct` are names that a filter inside was made for. */
  network(direct?: readonly string[]): SimulatedInternet;
  told(): Promise<Told>;
  /** The target's packets are made by a network stack of its own: filters and tables of the kernel's namespace say nothing of them. */
  isOwnStack: boolean;
  /** Which of these ports of the target answer to a neighbour. */
  dial(ports: readonly number[]): Promise<number[]>;
  end(): Promise<void>;
};

export type OpenOptions = {
  /** The sandbox's name. */
  sandbox: string;
  /** Host pid of its first process. */
  pid: number;
  /** Undefined where the backend gives its guests a network of the host's kernel; else why it cannot be joined. */
  cannot: string | undefined;
  /** The sandbox confines by a tool of its own, in a namespace within the target's. */
  isTool: boolean;
  /** Made with INTERFACE (addresses.ts), which its own network stack took over. */
  isOwnStack?: boolean;
  /** What is declared is a container of an engine. */
  isEngine: boolean;
  /** Names that the stack's own policy lets through. */
  allowed: readonly string[];
  /** The sink is to speak TLS, too, for programs other than the probe. */
  isSigning?: boolean;
  /** A static busybox on the host. */
  busybox: string;
  /** Of one attempt; a default that suits the probe when left out. */
  timeoutMs?: number;
};

const NEEDS_ROOT =
  "only root can give a target a simulated internet: without it the target's user namespace maps one user, who is not its root and may make no interface";

/** Never throws for what the machine lacks: then the rows of the network read not-measured, with the reason. */
export async function openInternet(options: OpenOptions): Promise<Internet> {
  if (options.cannot !== undefined) return { status: "none", reason: options.cannot };
  if (process.getuid?.() !== 0) return { status: "none", reason: NEEDS_ROOT };
  let sink: Sink;
  try {
    sink = await startSink(options.sandbox);
  } catch (thrown) {
    return { status: "none", reason: `the simulated internet did not start: ${messageOf(thrown)}` };
  }
  try {
    return await standing(sink, options);
  } catch (thrown) {
    await sink.end();
    return { status: "none", reason: `the simulated internet did not start: ${messageOf(thrown)}`.slice(0, 400) };
  }
}

async function standing(sink: Sink, options: OpenOptions): Promise<Standing> {
  const { pid, isTool, isEngine, isOwnStack = false, allowed, timeoutMs, busybox } = options;
  const targetPid = leavingFrom(pid, isTool);
  const joined = await join({ sinkPid: sink.process.pid, targetPid, isEngine, isOwnStack });
  if (joined.status === "refused") throw new Error(joined.reason);
  const { hasIpv6 } = joined;
  const network = (direct: readonly string[] = []) =>
    networkFor({
      nonce: randomBytes(16).toString("hex"),
      allowed,
      direct,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  const authority = await sink.listen({ ...placesOf(network(), hasIpv6), isSigning: options.isSigning === true });
  const nonce = network().nonce;
  const control = isOwnStack
    ? controlByEcho(await answersEcho(sink.process.pid, busybox))
    : await controlOf(sink, { targetPid, busybox, nonce });
  return {
    status: "standing",
    process: sink.process,
    isOwnStack,
    hasIpv6,
    ...(authority === undefined ? {} : { authority }),
    control,
    network,
    told: () => sink.told(),
    dial: (ports) => sink.dial({ host: ADDRESSES.target, from: ADDRESSES.neighbour, ports }),
    end: () => sink.end(),
  };
}

/** A proxy's usual ports beside those that are tried: where one is declared that is not here, the sink stands in its place. */
const PROXY_PORTS = [3128, 8888, 1080];

function placesOf(network: SimulatedInternet, hasIpv6: boolean): Omit<Parameters<Sink["listen"]>[0], "isSigning"> {
  const tries = everyTry(network);
  const tcp = tries.filter(({ way }) => way === "tcp" || way === "proxy" || way === "socks").map(({ port }) => port);
  const udp = tries
    .filter(({ way }) => way === "udp" || way === "resolver")
    .filter(({ host }) => hasIpv6 || !host.includes(":"))
    .map(({ host, port }) => ({ host, port }));
  return {
    tcp: [...new Set([...tcp, ...PROXY_PORTS])],
    udp: [{ host: network.gateway, port: 53 }, ...udp],
    metadata: METADATA.map(([, host]) => host),
  };
}

/** From the target's own namespace, before any control of the sandbox stands in it. */
async function controlOf(
  sink: Sink,
  { targetPid, busybox, nonce }: { targetPid: number; busybox: string; nonce: string },
): Promise<Standing["control"]> {
  const token = tokenOf(nonce, "control:sink");
  await exec(
    ["nsenter", `--net=/proc/${targetPid}/ns/net`, "--", busybox, "nc", "-w", "2", ADDRESSES.outside, "80"],
    { stdin: `GET /${token} HTTP/1.0\r\n\r\n`, timeoutMs: CONTROL_MS },
  );
  const { arrivals } = await sink.told();
  const isHeld = arrivals.some((one) => one.token === token);
  const evidence = isHeld
    ? "a line sent from the sandbox's network as it was made arrived at our sink"
    : "nothing that was sent from the sandbox's network as it was made arrived";
  return { isHeld, evidence };
}

const CONTROL_MS = 5_000;

function controlByEcho(isHeld: boolean): Standing["control"] {
  const evidence = isHeld
    ? "the sandbox's own network stack answered our sink"
    : "the sandbox's own network stack did not answer our sink";
  return { isHeld, evidence };
}
