import { z } from "zod";
import { OperatorError } from "../../base/errors.ts";
import type { Daemon } from "./daemon.ts";
import { runRemote } from "./remote.ts";

/**
 * The proof that a machine of E2B's has no way out, before anything of ours runs in it. Its network interface cannot be
 * taken away, so what closes it is E2B's firewall, and that is asked and not believed: each door is knocked at from
 * inside, and one that opens is the end of the machine. Nothing is sent but a resolver's question for the root servers; a
 * connection is closed as soon as it stands.
 *
 * `machine` stands where the machine's own root stands; `guest` in a network namespace made as the guest's will be. The
 * metadata address is asked by the guest alone: Firecracker itself answers there, E2B's daemon is told by it who it is and
 * keeps the way open (e2b-dev/infra, packages/envd/internal/host/mmds_route_linux.go), and no packet of it leaves the host.
 */
const DOORS = {
  "a name is resolved": { kind: "lookup", host: "example.com" },
  "UDP to a public resolver": { kind: "udp", host: "8.8.8.8", port: 53 },
  "UDP to another public resolver": { kind: "udp", host: "1.1.1.1", port: 53 },
  "TCP to a public resolver": { kind: "tcp", host: "8.8.8.8", port: 53 },
  "TCP to port 443 of a public address": { kind: "tcp", host: "1.1.1.1", port: 443 },
  "TCP over IPv6": { kind: "tcp", host: "2606:4700:4700::1111", port: 443 },
  "UDP over IPv6": { kind: "udp", host: "2001:4860:4860::8888", port: 53 },
} as const;

const METADATA = { "the metadata address": { kind: "tcp", host: "169.254.169.254", port: 80 } } as const;

/** Through an open firewall each of them answers in a fraction of this. */
export const DOOR_MS = 2_000;

const Answers = z.record(z.string(), z.string().max(200));

const OPEN = "open";

export type Tools = {
  /** An argv that runs Node. */ node: readonly string[] /** One that runs bwrap. */;
  bwrap: readonly string[];
};

/** Throws OperatorError when a door is open, or when it could not be asked: then nothing is proved. */
export async function proveClosed(daemon: Daemon, tools: Tools, signal: AbortSignal): Promise<void> {
  const apart = [...tools.bwrap, "--unshare-net", "--dev-bind", "/", "/", "--"];
  await Promise.all([
    knock(daemon, "the machine", tools.node, DOORS, signal),
    knock(daemon, "the guest", [...apart, ...tools.node], { ...DOORS, ...METADATA }, signal),
  ]);
}

async function knock(
  daemon: Daemon,
  from: string,
  node: readonly string[],
  doors: Readonly<Record<string, object>>,
  signal: AbortSignal,
): Promise<void> {
  const argv = [...node, "-e", KNOCK, JSON.stringify(doors)];
  const { code, stdout, stderr } = await runRemote(daemon, argv.map(quoted).join(" "), signal);
  const answers = parsed(stdout);
  const unasked = Object.keys(doors).filter((door) => answers?.[door] === undefined);
  if (code !== 0 || unasked.length > 0)
    throw new OperatorError(
      `the network of ${from} could not be tried: ${stderr.trim().slice(-300) || `exit ${code}`}`,
      "nothing runs in a machine whose network was not shown to be closed",
    );
  const open = Object.keys(doors).filter((door) => answers?.[door] === OPEN);
  if (open.length === 0) return;
  throw new OperatorError(
    `the network of ${from} is open: ${open.join(", ")}`,
    "E2B was told to deny all traffic: ask them, and use another isolation until they answer",
  );
}

function parsed(stdout: string): Record<string, string> | undefined {
  try {
    return Answers.parse(JSON.parse(stdout));
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof z.ZodError) return undefined;
    throw thrown;
  }
}

export function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Runs in the guest's Node: what the first argument names is tried, all at once; the word for each is "open" or why not. */
const KNOCK = `
const dns = require("node:dns"), net = require("node:net"), dgram = require("node:dgram");
const doors = JSON.parse(process.argv[1]);
const ROOT_SERVERS = Buffer.from("5764010000010000000000000000020001", "hex");
const knock = {
  lookup: ({ host }, done) => dns.lookup(host, (error) => done(error ? error.code : "${OPEN}")),
  tcp({ host, port }, done) {
    const socket = net.connect({ host, port });
    socket.once("connect", () => { socket.destroy(); done("${OPEN}"); });
    socket.once("error", (error) => done(error.code));
  },
  udp({ host, port }, done) {
    const socket = dgram.createSocket(net.isIPv6(host) ? "udp6" : "udp4");
    socket.once("message", () => done("${OPEN}"));
    socket.once("error", (error) => done(error.code));
    socket.send(ROOT_SERVERS, port, host, (error) => { if (error) done(error.code); });
  },
};
const tried = Object.entries(doors).map(([name, door]) => new Promise((resolve) => {
  const done = (word) => resolve([name, String(word)]);
  setTimeout(done, ${DOOR_MS}, "no answer");
  knock[door.kind](door, done);
}));
Promise.all(tried).then((answers) => {
  process.stdout.write(JSON.stringify(Object.fromEntries(answers)), () => process.exit(0));
});`;
