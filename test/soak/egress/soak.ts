import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rule } from "../../../src/egress/allowlist.ts";
import { startGateway } from "../../../src/egress/gateway.ts";
import { verifyRecord } from "../../../src/egress/verifyRecord.ts";
import { fakeShim } from "../../support/fakeShim.ts";
import { socketPair } from "../../support/socketPair.ts";
import { upstream } from "../../support/upstream.ts";

/**
 * `node test/soak/egress/soak.ts`: a day of one sandbox's traffic in about a minute, on one gateway process: what an agent does in
 * five minutes (upkeep, allowed and denied requests, a denied tunnel, a body) 288 times over, a new sandbox each hour. Prints the
 * gateway's resident memory hour by hour; growth from the sixth hour to the last of more than 16 MiB makes the exit code 1.
 */
const HOURS = 24;
const ROUNDS_AN_HOUR = 12;
const WARM_HOURS = 6;
const GROWTH_MIB_MAX = 16;

const directory = mkdtempSync(join(tmpdir(), "wd-soak-"));
await using host = await upstream((response) => response.end("x".repeat(20_000)));
const rule = {
  id: "one",
  host: "api.example",
  port: host.port,
  scheme: "http",
  methods: ["GET", "POST"],
  paths: ["/**"],
  requestBytesMax: 100_000,
  responseBytesMax: 100_000,
  why: "a soak",
};
const gateway = await startGateway({
  cycle: "c1",
  runDirectory: join(directory, "run"),
  allowlists: [{ version: 1, purpose: "soak", rules: [Rule.parse(rule)] }],
  canaryHosts: [],
  pins: [{ host: "api.example", address: "127.0.0.1" }],
  onRequest: async () => ({ status: 200, body: {} }),
  onAlarm: () => undefined,
  signal: new AbortController().signal,
});
try {
  process.exitCode = (await day()) ? 0 : 1;
} finally {
  await gateway.cut("the day is over");
  rmSync(directory, { recursive: true, force: true });
}

async function day(): Promise<boolean> {
  const resident: number[] = [];
  let requests = 0;
  const startedMs = performance.now();
  for (let hour = 0; hour < HOURS; hour++) {
    requests += await anHour(hour);
    host.seen.length = 0;
    resident.push(residentMiB());
    process.stdout.write(`hour ${hour + 1}: ${resident.at(-1)?.toFixed(1)} MiB, ${requests} requests\n`);
  }
  const record = await verifyRecord(gateway.logPath);
  const grown = Math.max(...resident.slice(-3)) - Math.max(...resident.slice(WARM_HOURS - 3, WARM_HOURS));
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
  process.stdout.write(
    `${requests} requests in ${seconds} s; grown since hour ${WARM_HOURS}: ${grown.toFixed(1)} MiB; log ${record.status}\n`,
  );
  return grown <= GROWTH_MIB_MAX && record.status === "intact";
}

/** In turns of a hundred: a caller that never waits measures queues. */
async function anHour(hour: number): Promise<number> {
  const [inside, outside] = await socketPair();
  await gateway.attach({ name: `wd-lab-${hour}`, role: "lab", channel: outside });
  const shim = fakeShim(inside);
  const authority = `api.example:${host.port}`;
  let made = 0;
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

function residentMiB(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, "utf8"))?.[1]) / 1_024;
}
