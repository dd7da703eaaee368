import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { fakeMaker } from "../../../src/canaries/fakes.ts";
import { KINDS as FAKE_KINDS } from "../../../src/canaries/kinds/all.ts";
import { Rule } from "../../../src/egress/allowlist.ts";
import type { Gateway } from "../../../src/egress/egress.ts";
import { startGateway } from "../../../src/egress/gateway.ts";
import { socketPair } from "../../../src/sandbox/socketPair.ts";
import { endProgram } from "../../scoreboard/program.ts";
import { fakeShim } from "../../support/fakeShim.ts";
import { socketPair as openPair } from "../../support/socketPair.ts";
import type { Contender, Ground } from "./contender.ts";
import { HOST, PORTS } from "./wire.ts";

/** The gateway as it stands, over the one channel of a sandbox: as many streams as others have connections. */
export const weakdoor: Contender = {
  name: "weakdoor",
  kinds: ["forward", "tunnel", "terminated"],
  async start({ directory, origin, load }) {
    const gateway = await gatewayIn(directory, origin.cert);
    const certificate = await certificateOf(gateway);
    await giveChannel(gateway, "wd-bench", load);
    return { port: null, certificate, close: () => gateway.cut("the race is over") };
  },
};

const SHIM_PORT = 3131;

/** The same behind the proxy that a program in a sandbox speaks to: one process and one HTTP more. */
export const weakdoorInside: Contender = {
  name: "weakdoor through its shim",
  kinds: weakdoor.kinds,
  async start({ directory, origin }) {
    const gateway = await gatewayIn(directory, origin.cert);
    const certificate = await certificateOf(gateway);
    const { near, far } = await socketPair();
    await gateway.attach({ name: "wd-bench", role: "lab", channel: near });
    const program = join(import.meta.dirname, "shim.ts");
    const shim = fork(program, [String(SHIM_PORT)], { env: {}, execArgv: [], stdio: [far, far, "inherit", "ipc"] });
    far.destroy();
    await once(shim, "message");
    const close = async () => {
      await endProgram(shim);
      await gateway.cut("the race is over");
    };
    return { port: SHIM_PORT, certificate, close };
  },
};

/** What is measured is not what one sandbox may have. */
const AT_WILL = {
  streamsMax: 256,
  requestsPerSecond: 1_000_000,
  requestBurst: 1_000_000,
  bytesPerMinute: Number.MAX_SAFE_INTEGER,
};
const MIB = 1024 * 1024;

/** With all that it has in a cycle: policy, both lines of the log, the latch, and the watch for the fakes of a clone. */
export async function gatewayIn(directory: string, certificate: string): Promise<Gateway> {
  const stateDir = join(directory, "state");
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const common = { host: HOST, requestBytesMax: MIB, responseBytesMax: MIB, why: "a bench" };
  const asked = { methods: ["GET"], paths: ["/v1/{id}"] };
  const rules = [
    { id: "plain", port: PORTS.plain, scheme: "http", ...asked },
    { id: "terminated", port: PORTS.tls, ...asked },
    { id: "spliced", port: PORTS.opaque, mode: "splice" },
    { id: "held", port: PORTS.held, mode: "splice" },
  ].map((rule) => Rule.parse({ ...common, ...rule }));
  const gateway = await startGateway({
    cycle: "bench",
    runDirectory: join(directory, "run"),
    stateDir,
    allowlists: [{ version: 1, purpose: "bench", rules }],
    canaryHosts: ["canary.example"],
    pins: [{ host: HOST, address: "127.0.0.1" }],
    certificates: [certificate],
    caps: AT_WILL,
    onRequest: () => Promise.resolve({ status: 200, body: {} }),
    onAlarm: () => undefined,
    signal: new AbortController().signal,
  });
  const masterKey = randomBytes(32);
  const maker = fakeMaker({ masterKey, cycle: "bench", clock: systemClock });
  for (const { name } of FAKE_KINDS)
    if (name !== "generic") maker.fakeFor("", name, { cycle: "bench", file: "home/one" });
  await gateway.watch(maker.all(), masterKey);
  return gateway;
}

/** Of the cycle's authority, as a shim is told it. */
export async function certificateOf(gateway: Gateway): Promise<string> {
  const [inside, outside] = await openPair();
  await gateway.attach({ name: "wd-asks", role: "lab", channel: outside });
  const { text } = await fakeShim(inside).hello();
  inside.destroy();
  return (JSON.parse(text) as { certificate: string }).certificate;
}

/** A sandbox's end of a channel, in the hands of the load process. */
export async function giveChannel(gateway: Gateway, name: string, load: Ground["load"]): Promise<void> {
  const { near, far } = await socketPair();
  await gateway.attach({ name, role: "lab", channel: near });
  await given(load, far);
}

async function given(load: ChildProcess, far: Awaited<ReturnType<typeof socketPair>>["far"]): Promise<void> {
  const taken = once(load, "message");
  load.send({ kind: "channel" }, far);
  await taken;
}
