import { exec } from "../../src/base/exec.ts";
import { Rule } from "../../src/egress/allowlist.ts";
import type { Gateway } from "../../src/egress/egress.ts";
import { startGateway } from "../../src/egress/gateway.ts";
import { carried } from "../../src/guest/argv.ts";
import { AUTHORITY, PROXY_PORT, type Task, type TaskResult } from "../../src/guest/wire.ts";
import { upstream } from "../support/upstream.ts";
import { type Bed, liveSandbox } from "./bed.ts";
import { type Bench, type Measured, mbPerSecond, median, sideBySide } from "./figure.ts";

/** What a request and a task's output cost through shim, channel and gateway, beside the same without any of them. */
export const channel: Bench = {
  name: "channel",
  async run(bed) {
    await using host = await upstream((response) => response.end("hello"));
    await using gateway = await gatewayTo(host.port, bed);
    const spec = bed.spec();
    const sandbox = await bed.driver("bubblewrap").create(spec, bed.signal);
    try {
      const guest = await gateway.attach({ name: spec.name, role: "lab", channel: sandbox.channel });
      await guest.hello;
      const run: Run = (task) => guest.run(task, bed.signal);
      return [await alone(host.port, bed), await throughGateway(run, host.port), await bulk(run, bed)];
    } finally {
      await sandbox.kill();
    }
  },
};

const HOST = "api.example";

function gatewayTo(port: number, bed: Bed): Promise<Gateway> {
  const rule = { id: "bench", host: HOST, port, scheme: "http", methods: ["GET"], paths: ["/**"], why: "a bench" };
  const rules = [Rule.parse({ ...rule, responseBytesMax: 1_000 })];
  return startGateway({
    cycle: "bench",
    runDirectory: bed.fresh("gateway"),
    allowlists: [{ version: 1, purpose: "bench", rules }],
    pins: [{ host: HOST, address: "127.0.0.1" }],
    canaryHosts: [],
    onRequest: () => Promise.resolve({ status: 200, body: {} }),
    onAlarm: () => undefined,
    signal: bed.signal,
  });
}

const RUNS = 5;
const REQUESTS = 200;

type Run = (task: Omit<Task, "id">) => Promise<TaskResult>;

/** To the least that answers at the far end, in this process: shim and channel, and no gateway. */
async function alone(port: number, bed: Bed): Promise<Measured> {
  await using live = await liveSandbox(bed.driver("bubblewrap"), bed.spec(), bed.signal);
  const goal = { text: "at most 0.5 ms over a direct one", isMet: isWithin(0.5) };
  const asked = asking(PROXY_PORT, `http://${AUTHORITY.broker}/v1/none`);
  return await latency("channel request, p50", { port, asked, goal, run: (task) => live.broker.run(task) });
}

async function throughGateway(run: Run, port: number): Promise<Measured> {
  const asked = asking(PROXY_PORT, `http://${HOST}:${port}/v1`);
  return latency("channel request through the gateway, p50", { port, asked, goal: null, run });
}

function isWithin(addedMs: number) {
  return (value: number, ratio: number) => value - value / ratio <= addedMs;
}

type Asked = { port: number; asked: string; goal: Measured["goal"]; run: Run };

/** Beside the same client and the same host without a sandbox between them. */
async function latency(name: string, { port, asked, goal, run }: Asked): Promise<Measured> {
  const inside = async () => middle((await run(task([...carried("node"), "-e", asked]))).stdout);
  const direct = async () => middle((await exec([process.execPath, "-e", asking(port, "/v1")])).stdout);
  return { name, unit: "ms", ...(await sideBySide(RUNS, inside, direct)), goal };
}

function middle(stdout: string): number {
  return median(JSON.parse(stdout) as number[]);
}

/** One after the other over one connection; the first, which opens it, is left out. Prints the milliseconds of each. */
function asking(port: number, path: string): string {
  return `
const { Agent, get } = require("node:http");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const once = () => new Promise((done, fail) => {
  const start = performance.now();
  get({ host: "127.0.0.1", port: ${port}, path: ${JSON.stringify(path)}, agent }, (response) => {
    if (![200, 404].includes(response.statusCode)) fail(new Error("answered " + response.statusCode));
    response.resume().once("end", () => done(performance.now() - start));
  }).once("error", fail);
});
(async () => {
  const times = [];
  for (let i = 0; i <= ${REQUESTS}; i++) times.push(await once());
  console.log(JSON.stringify(times.slice(1)));
  agent.destroy();
})();`;
}

const BULK_BYTES = 8_000_000;

async function bulk(run: Run, bed: Bed): Promise<Measured> {
  const script = `yes abcdefghijklmnopqrstuvwxyz | head -c ${BULK_BYTES}`;
  const inside = () =>
    mbPerSecond(BULK_BYTES, async () => whole((await run(task(["/bin/sh", "-c", script]))).stdout));
  const direct = () =>
    mbPerSecond(BULK_BYTES, async () => {
      const argv = [`${bed.image.guest}/busybox`, "sh", "-c", script] as const;
      whole((await exec(argv, { outputBytesMax: BULK_BYTES })).stdout);
    });
  return { name: "channel output of a task", unit: "MB/s", ...(await sideBySide(RUNS, inside, direct)), goal: null };
}

function whole(stdout: string): void {
  if (stdout.length !== BULK_BYTES) throw new Error(`${stdout.length} of ${BULK_BYTES} bytes came`);
}

function task(argv: [string, ...string[]]) {
  const env = { PATH: "/bin:/usr/bin" };
  return { run: { argv }, env, cwd: "/", stdin: "", timeoutMs: 30_000, outputBytesMax: BULK_BYTES };
}
