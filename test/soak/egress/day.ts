import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rule } from "../../../src/egress/allowlist.ts";
import type { Gateway } from "../../../src/egress/egress.ts";
import { startGateway } from "../../../src/egress/gateway.ts";
import { verifyRecord } from "../../../src/egress/verifyRecord.ts";
import { AUTHORITY } from "../../../src/guest/wire.ts";
import { fakeShim } from "../../support/fakeShim.ts";
import { socketPair } from "../../support/socketPair.ts";
import { type Upstream, upstream } from "../../support/upstream.ts";

/**
 * A day of one sandbox's traffic in about a minute, on one gateway process: what an agent does in five minutes (upkeep, allowed and
 * denied requests, a denied tunnel, a body) 288 times over, a new sandbox each hour, which also has a source read.
 */
export type Day = {
  requests: number;
  seconds: number;
  /** Resident memory of the gateway after each hour. */
  residentMiB: number[];
  /** From the warm hours to the last ones. */
  grownMiB: number;
  log: string;
  isFlat: boolean;
};

/** More than this from the sixth hour to the last is growth: a leak of a kilobyte a request would be twenty MiB. */
export const GROWTH_MIB_MAX = 16;

const HOURS = 24;
const ROUNDS_AN_HOUR = 12;
const WARM_HOURS = 6;
/** Of these many hours the largest is taken: a collector runs when it likes. */
const WINDOW_HOURS = 3;

export async function day(onHour: (line: string) => void): Promise<Day> {
  const directory = mkdtempSync(join(tmpdir(), "wd-soak-"));
  await using host = await upstream((response) => response.end("x".repeat(20_000)));
  const gateway = await startGateway({
    cycle: "c1",
    runDirectory: join(directory, "run"),
    allowlists: [{ version: 1, purpose: "soak", rules: [Rule.parse(ruleOf(host.port))] }],
    canaryHosts: [],
    pins: [{ host: "api.example", address: "127.0.0.1" }],
    sources: { directory: join(directory, "sources"), clamdSocket: null },
    onRequest: async () => ({ status: 200, body: {} }),
    onAlarm: () => undefined,
    signal: new AbortController().signal,
  });
  try {
    return await hours(gateway, host, onHour);
  } finally {
    await gateway.cut("the day is over");
    rmSync(directory, { recursive: true, force: true });
  }
}

function ruleOf(port: number) {
  return {
    id: "one",
    host: "api.example",
    port,
    scheme: "http",
    methods: ["GET", "POST"],
    paths: ["/**"],
    requestBytesMax: 100_000,
    responseBytesMax: 100_000,
    why: "a soak",
  };
}

async function hours(gateway: Gateway, host: Upstream, onHour: (line: string) => void): Promise<Day> {
  const resident: number[] = [];
  let requests = 0;
  const startedMs = performance.now();
  for (let hour = 0; hour < HOURS; hour++) {
    requests += await anHour(hour, gateway, host.port);
    host.seen.length = 0;
    const mib = residentMiB(gateway.pid);
    resident.push(mib);
    onHour(`hour ${hour + 1}: ${mib.toFixed(1)} MiB, ${requests} requests`);
  }
  const { status: log } = await verifyRecord(gateway.logPath);
  const seconds = (performance.now() - startedMs) / 1_000;
  const grownMiB =
    Math.max(...resident.slice(-WINDOW_HOURS)) - Math.max(...resident.slice(WARM_HOURS - WINDOW_HOURS, WARM_HOURS));
  const isFlat = grownMiB <= GROWTH_MIB_MAX && log === "intact";
  return { requests, seconds, residentMiB: resident, grownMiB, log, isFlat };
}

/** In turns of a hundred: a caller that never waits measures queues. */
async function anHour(hour: number, gateway: Gateway, port: number): Promise<number> {
  const [inside, outside] = await socketPair();
  await gateway.attach({ name: `wd-lab-${hour}`, role: "lab", channel: outside });
  const shim = fakeShim(inside);
  const authority = `api.example:${port}`;
  const source = JSON.stringify({ source: "cisa-kev", from: "snapshot" });
  const read = await shim.ask({ ":authority": AUTHORITY.source, ":path": "/v1/fetch", ":method": "POST" }, source);
  if (read.status !== 200) throw new Error(`the source was answered with ${read.status}: ${read.text}`);
  let made = 1;
  for (let round = 0; round < ROUNDS_AN_HOUR; round++) {
    const asked = [
      ...times(40, () => shim.tell("POST", "/v1/heartbeat", {})),
      ...times(40, (i) => shim.ask({ ":authority": authority, ":path": `/v1/${hour}/${i}` })),
      ...times(5, () => shim.ask({ ":authority": authority, ":path": "/up", ":method": "POST" }, "y".repeat(50_000))),
      ...times(10, (i) => shim.ask({ ":authority": `h${hour}-${round}-${i}.example`, ":path": "/" })),
      ...times(5, () => shim.ask({ ":method": "CONNECT", ":authority": "evil.example:443" })),
    ];
    made += (await Promise.all(asked)).length;
  }
  shim.session.destroy();
  inside.destroy();
  return made;
}

function times<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024;
}
