import { fork } from "node:child_process";
import { on, setMaxListeners } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { Rule } from "../../../src/egress/allowlist.ts";
import type { Gateway, Guest } from "../../../src/egress/egress.ts";
import { startGateway } from "../../../src/egress/gateway.ts";
import { carried } from "../../../src/guest/argv.ts";
import type { Task } from "../../../src/guest/wire.ts";
import { type Provisioned, provision } from "../../../src/sandbox/provision.ts";
import type { Driver } from "../../../src/sandbox/sandbox.ts";
import { processId } from "../../../src/stop/processes.ts";
import type { ProcessId } from "../../../src/stop/stop.ts";
import { processesBelow } from "../../support/processes.ts";
import type { Bed } from "../bed.ts";
import type { FromWitness, ToWitness } from "./witness.ts";

/** Milliseconds after the decision. */
export type Killed = {
  /** Of each connection to the outside. */
  cutMs: number[];
  /** Of each sandbox: its first process and all below it. */
  deadMs: number[];
  certifiedMs: number;
};

const HOST = "api.example";
/** `connections`: so many answers that do not end are held by each sandbox. The gateway lets none live for two minutes. */
export type CrowdSize = { size: number; connections: number };

/** So many are being made at once. */
const MAKERS = 5;

/**
 * Makes so many sandboxes joined to one gateway, as a cycle makes them, each with a program that ignores signals and
 * holds connections to the outside; then stops them all by the one signal that the kill switch aborts.
 */
export async function killCrowd(driver: Driver, { size, connections }: CrowdSize, bed: Bed): Promise<Killed> {
  await using witness = await startWitness();
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const stateDir = bed.fresh("state");
  mkdirSync(stateDir, { mode: 0o700 });
  await using gateway = await gatewayTo(witness.port, stateDir, stop.signal);
  const sandboxes: Provisioned[] = [];
  try {
    await makeEach(size, async () => {
      const sandbox = await provision(driver, bed.spec(), {
        stateDir,
        clock: systemClock,
        signal: stop.signal,
        watchdog: { isAlive: () => true },
        egress: gateway,
        onCertificate: () => undefined,
      });
      sandboxes.push(sandbox);
      const { name, channel } = sandbox;
      await busy(
        await gateway.attach({ name, role: "lab", channel }),
        { port: witness.port, connections },
        stop.signal,
      );
    });
    await witness.connected(size * connections);
    const { seen } = await witness.watch(sandboxes.map(({ pid }) => processesOf(pid)));
    const startMs = Number(process.hrtime.bigint()) / 1e6;
    stop.abort(new Error("the bench stops them"));
    const certificates = await Promise.all(sandboxes.map((sandbox) => sandbox.end()));
    const certifiedMs = Number(process.hrtime.bigint()) / 1e6 - startMs;
    const doubted = certificates.filter(({ status }) => status !== "destroyed");
    if (doubted.length > 0) throw new Error(`not certified destroyed: ${JSON.stringify(doubted[0])}`);
    const { closedMs, deadMs } = await seen;
    if (closedMs.length !== size * connections) throw new Error(`${closedMs.length} connections were seen to close`);
    const after = (ms: number) => ms - startMs;
    return { cutMs: closedMs.map(after), deadMs: deadMs.map(after), certifiedMs };
  } finally {
    stop.abort();
    await Promise.all(sandboxes.map((sandbox) => sandbox.end()));
  }
}

/** A few at a time, as many as there are; the first error stops the making, when those under way have come to an end. */
export async function makeEach(size: number, make: () => Promise<void>): Promise<void> {
  let left = size;
  const makers = Array.from({ length: Math.min(MAKERS, size) }, async () => {
    while (left-- > 0) await make();
  });
  const failed = (await Promise.allSettled(makers)).find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Those of the host that go with a sandbox: its first process and what descends from it. */
export function processesOf(pid: number): ProcessId[] {
  return processesBelow(pid).flatMap((one) => processId(one) ?? []);
}

/** Starts the guest's program and does not wait for its end, which is the kill's. */
async function busy(guest: Guest, held: Held, signal: AbortSignal): Promise<void> {
  await guest.hello;
  guest.run(holding(held), signal).then(
    ({ code, stderr }) => process.emitWarning(`the guest's program ended by itself with ${code}: ${stderr}`),
    () => undefined,
  );
}

type Held = { port: number; connections: number };

function holding({ port, connections }: Held): Omit<Task, "id"> {
  const script = `
for (const name of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(name, () => undefined);
const [host, proxyPort] = process.env.HTTP_PROXY.replace("http://", "").split(":");
for (let i = 0; i < ${connections}; i++)
  require("node:http").get({ host, port: proxyPort, path: "http://${HOST}:${port}/" + i }, (answer) => answer.resume());
setInterval(() => undefined, 1000);`;
  const argv: [string, ...string[]] = [...carried("node"), "-e", script];
  return { run: { argv }, env: {}, cwd: "/", stdin: "", timeoutMs: 300_000, outputBytesMax: 65_536 };
}

function gatewayTo(port: number, stateDir: string, signal: AbortSignal): Promise<Gateway> {
  const rule = { id: "bench", host: HOST, port, scheme: "http", methods: ["GET"], paths: ["/**"], why: "a bench" };
  const rules = [Rule.parse({ ...rule, responseBytesMax: 1_000_000 })];
  return startGateway({
    cycle: "bench",
    runDirectory: join(stateDir, "gateway"),
    allowlists: [{ version: 1, purpose: "bench", rules }],
    pins: [{ host: HOST, address: "127.0.0.1" }],
    canaryHosts: [],
    onRequest: () => Promise.resolve({ status: 200, body: {} }),
    onAlarm: () => undefined,
    signal,
  });
}

type Witness = AsyncDisposable & {
  port: number;
  connected(atLeast: number): Promise<void>;
  /** Resolves when it watches; `seen` does when all is over. */
  watch(groups: ProcessId[][]): Promise<{ seen: Promise<Extract<FromWitness, { kind: "seen" }>> }>;
};

const WITNESS_MS = 120_000;

async function startWitness(): Promise<Witness> {
  const child = fork(join(import.meta.dirname, "witness.ts"), [], { env: {}, execArgv: [] });
  const hear = async <Kind extends FromWitness["kind"]>(kind: Kind) => {
    for await (const [message] of on(child, "message", { signal: AbortSignal.timeout(WITNESS_MS) }))
      if ((message as FromWitness).kind === kind) return message as Extract<FromWitness, { kind: Kind }>;
    throw new Error("the witness is gone");
  };
  const tell = (message: ToWitness) => void child.send(message);
  const { port } = await hear("port");
  return {
    port,
    async connected(atLeast) {
      const connected = hear("connected");
      tell({ kind: "connections", atLeast });
      await connected;
    },
    async watch(groups) {
      const watching = hear("watching");
      const seen = hear("seen");
      // It is waited for only after the kill; when that fails, nobody does.
      seen.catch(() => undefined);
      tell({ kind: "watch", groups });
      await watching;
      return { seen };
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
    },
  };
}
