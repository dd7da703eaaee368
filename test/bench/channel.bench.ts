import type { DriverKind } from "../../src/sandbox/sandbox.ts";
import { upstream } from "../support/upstream.ts";
import { requestLatency } from "./channel/latency.ts";
import { benchGuest, type Served, servedChild, servedSandbox } from "./channel/served.ts";
import { type Bench, type Measured, sideBySide } from "./figure.ts";

/**
 * The channel alone: bytes between the shim's session inside and the process that serves it, as HTTP/2 streams, beside the
 * same two programs with one socket and no sandbox between them; and what a small request takes through the shim's proxy
 * and the channel, beside the same client that asks the same answer of a server on loopback, through a plain proxy and without one.
 */
type Goals = { kind: DriverKind; downMBs: number; upMBs: number; addedMs: number };

const GOALS: readonly Goals[] = [
  { kind: "docker-runc", downMBs: 150, upMBs: 150, addedMs: 0.5 },
  { kind: "bubblewrap", downMBs: 150, upMBs: 150, addedMs: 0.5 },
  { kind: "docker-runsc", downMBs: 100, upMBs: 70, addedMs: 1 },
  { kind: "runsc", downMBs: 100, upMBs: 70, addedMs: 1 },
];

export const channels: readonly Bench[] = GOALS.map((goals) => ({
  name: `channel ${goals.kind}`,
  async run(bed) {
    await using host = await upstream((response) => response.end("hello"));
    await using plain = await servedChild(bed, PLAIN_PORT);
    await using sandbox = await servedSandbox(await bed.driver(goals.kind), await benchGuest(bed), bed);
    return await alone({ sandbox, plain, port: host.port, goals });
  },
}));

/** Where the proxy of the one without a sandbox listens, on the host's loopback. */
const PLAIN_PORT = 31_283;
const HOST = "api.example";
const RUNS = 5;

type Alone = { sandbox: Served; plain: Served; port: number; goals: Goals };

async function alone({ sandbox, plain, port, goals }: Alone): Promise<Measured[]> {
  const { kind, downMBs, upMBs, addedMs } = goals;
  const bulk = async (way: "down" | "up", atLeast: number): Promise<Measured> => {
    const figures = await sideBySide(
      RUNS,
      () => sandbox.mbPerSecond(way),
      () => plain.mbPerSecond(way),
    );
    const goal = { text: `at least ${atLeast} MB/s`, isMet: (value: number) => value >= atLeast };
    return { name: `channel ${kind} ${way}`, unit: "MB/s", ...figures, goal };
  };
  return [
    await bulk("down", downMBs),
    await bulk("up", upMBs),
    ...(await requestLatency(`channel ${kind} request, p50`, {
      port,
      url: `http://${HOST}/v1`,
      addedMs,
      run: (task) => sandbox.run(task),
    })),
  ];
}
