import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { Rule } from "../../../src/egress/allowlist.ts";
import type { Gateway } from "../../../src/egress/egress.ts";
import { startGateway } from "../../../src/egress/gateway.ts";
import { verifyRecord } from "../../../src/egress/verifyRecord.ts";
import { clientHello } from "../../support/clientHello.ts";
import { type FakeShim, fakeShim } from "../../support/fakeShim.ts";
import { FLOODS, GREETING, pour } from "../../support/floods.ts";
import { socketPair } from "../../support/socketPair.ts";
import { openTunnel } from "../../support/tunnel.ts";

/**
 * Every flood again and again for a while, two at a time and each from a sandbox of its own, with tunnels that are greeted and
 * left between them, on one gateway process. A sandbox that behaves asks all along: it is answered, and when the storm is over
 * the gateway holds no more memory and no more descriptors than it did when the storm was young.
 */
export type Storm = {
  floods: number;
  seconds: number;
  /** Of the sandbox that behaves: answers, those among them that were no 200, and the slowest. */
  answers: number;
  wrong: number;
  slowestMs: number;
  /** After each round, when its attackers are gone. */
  residentMiB: number[];
  grownMiB: number;
  /** More than after the first round. */
  descriptorsMore: number;
  log: string;
  isSound: boolean;
};

const GROWTH_MIB_MAX = 24;
/** Rounds in which what is loaded once is loaded, and of which the largest is taken: a collector runs when it likes. */
const WINDOW_ROUNDS = 4;
const ROUNDS_MIN = 3 * WINDOW_ROUNDS;
const TUNNELS_A_ROUND = 20;
const HOST = "api.example";

/** @param seconds at least so long, and at least ROUNDS_MIN rounds. */
export async function storm(seconds: number, onRound: (line: string) => void): Promise<Storm> {
  const directory = mkdtempSync(join(tmpdir(), "wd-storm-"));
  const rule = { id: "one", host: HOST, methods: ["GET"], paths: ["/**"], responseBytesMax: 1_000, why: "a storm" };
  const gateway = await startGateway({
    cycle: "c1",
    runDirectory: join(directory, "run"),
    allowlists: [{ version: 1, purpose: "storm", rules: [Rule.parse(rule)] }],
    canaryHosts: [],
    pins: [{ host: HOST, address: "127.0.0.1" }],
    onRequest: async () => ({ status: 200, body: {} }),
    onAlarm: () => undefined,
    signal: new AbortController().signal,
  });
  try {
    return await rounds(gateway, seconds, onRound);
  } finally {
    await gateway.cut("the storm is over");
    rmSync(directory, { recursive: true, force: true });
  }
}

async function rounds(gateway: Gateway, seconds: number, onRound: (line: string) => void): Promise<Storm> {
  const startedMs = performance.now();
  const over = new AbortController();
  const asking = askAllAlong(fakeShim(await channel(gateway, "wd-good")), over.signal);
  const residentMiB: number[] = [];
  const descriptors: number[] = [];
  let floods = 0;
  while (performance.now() - startedMs < seconds * 1_000 || residentMiB.length < ROUNDS_MIN) {
    for (let i = 0; i < FLOODS.length; i += 2) {
      await Promise.all(FLOODS.slice(i, i + 2).map(async (flood) => attack(gateway, `wd-${floods++}`, flood)));
    }
    await greetAndLeave(gateway, `wd-tunnels-${floods}`);
    residentMiB.push(residentOf(gateway.pid));
    descriptors.push(readdirSync(`/proc/${gateway.pid}/fd`).length);
    onRound(`round ${residentMiB.length}: ${residentMiB.at(-1)?.toFixed(1)} MiB, ${floods} floods`);
  }
  over.abort();
  const good = await asking;
  const { status: log } = await verifyRecord(gateway.logPath);
  const largest = (of: readonly number[]) => Math.max(...of);
  const grownMiB =
    largest(residentMiB.slice(-WINDOW_ROUNDS)) - largest(residentMiB.slice(WINDOW_ROUNDS, 2 * WINDOW_ROUNDS));
  // Whoever has just left may still be there for a moment: the least that there was counts.
  const descriptorsMore =
    Math.min(...descriptors.slice(-WINDOW_ROUNDS)) - largest(descriptors.slice(0, WINDOW_ROUNDS));
  const isSound =
    grownMiB <= GROWTH_MIB_MAX && descriptorsMore <= 0 && good.wrong === 0 && good.answers > 0 && log === "intact";
  const took = (performance.now() - startedMs) / 1_000;
  return { floods, seconds: took, ...good, residentMiB, grownMiB, descriptorsMore, log, isSound };
}

async function askAllAlong(
  good: FakeShim,
  signal: AbortSignal,
): Promise<Pick<Storm, "answers" | "wrong" | "slowestMs">> {
  const told = { answers: 0, wrong: 0, slowestMs: 0 };
  await good.hello();
  while (!signal.aborted) {
    const askedMs = performance.now();
    const { status } = await good.tell("POST", "/v1/heartbeat", {});
    told.answers++;
    if (status !== 200) told.wrong++;
    told.slowestMs = Math.max(told.slowestMs, performance.now() - askedMs);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return told;
}

async function channel(gateway: Gateway, name: string): Promise<Duplex> {
  const [inside, outside] = await socketPair();
  inside.on("error", () => undefined);
  const guest = await gateway.attach({ name, role: "lab", channel: outside });
  guest.hello.catch(() => undefined);
  return inside;
}

async function attack(gateway: Gateway, name: string, { frames }: (typeof FLOODS)[number]): Promise<void> {
  const inside = await channel(gateway, name);
  inside.write(GREETING);
  await pour(inside, frames());
  inside.destroy();
}

/** Tunnels in every state of a greeting: nothing said, half of it, all of it and no handshake after. */
async function greetAndLeave(gateway: Gateway, name: string): Promise<void> {
  const inside = await channel(gateway, name);
  const shim = fakeShim(inside);
  const hello = clientHello({ names: [HOST] });
  const tunnels = await Promise.all(
    Array.from({ length: TUNNELS_A_ROUND }, () => openTunnel({ shim }, `${HOST}:443`)),
  );
  for (const [i, { stream }] of tunnels.entries()) stream.write(hello.subarray(0, [1, 20, hello.length][i % 3]));
  shim.session.destroy();
  inside.destroy();
}

function residentOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024;
}
