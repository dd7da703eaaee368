import { exec } from "../../src/base/exec.ts";
import { Rule } from "../../src/egress/allowlist.ts";
import type { Gateway } from "../../src/egress/egress.ts";
import { startGateway } from "../../src/egress/gateway.ts";
import { upstream } from "../support/upstream.ts";
import type { Bed } from "./bed.ts";
import { type Run, requestLatency, task } from "./channel/latency.ts";
import { type Bench, type Measured, mbPerSecond, sideBySide } from "./figure.ts";

/** What a request and a task's output cost through all of it: shim, channel, and the gateway with its policy and its log. */
export const gateway: Bench = {
  name: "gateway",
  async run(bed) {
    await using host = await upstream((response) => response.end("hello"));
    await using gateway = await gatewayTo(host.port, bed);
    const spec = bed.spec();
    const sandbox = await (await bed.driver("bubblewrap")).create(spec, bed.signal);
    try {
      const guest = await gateway.attach({ name: spec.name, role: "lab", channel: sandbox.channel });
      await guest.hello;
      const run: Run = (task) => guest.run(task, bed.signal);
      return [
        ...(await requestLatency("gateway, request p50", {
          port: host.port,
          url: `http://${HOST}:${host.port}/v1`,
          addedMs: null,
          run,
        })),
        await output(run, bed),
      ];
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
const OUTPUT_BYTES = 8_000_000;

/** What a program inside prints, until CONTROL has it: beside the same program whose output is read from a pipe. */
async function output(run: Run, bed: Bed): Promise<Measured> {
  const script = `yes abcdefghijklmnopqrstuvwxyz | head -c ${OUTPUT_BYTES}`;
  const inside = () =>
    mbPerSecond(OUTPUT_BYTES, async () => held((await run(task(["/bin/sh", "-c", script]))).stdout));
  const direct = () =>
    mbPerSecond(OUTPUT_BYTES, async () => {
      const argv = [`${bed.image.guest}/busybox`, "sh", "-c", script] as const;
      held((await exec(argv, { outputBytesMax: OUTPUT_BYTES })).stdout);
    });
  return { name: "gateway, output of a task", unit: "MB/s", ...(await sideBySide(RUNS, inside, direct)), goal: null };
}

function held(stdout: string): void {
  if (stdout.length !== OUTPUT_BYTES) throw new Error(`${stdout.length} of ${OUTPUT_BYTES} bytes came`);
}
