import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Rule } from "../../src/egress/allowlist.ts";
import type { Gateway } from "../../src/egress/egress.ts";
import { startGateway } from "../../src/egress/gateway.ts";
import { setLatch } from "../../src/stop/latch.ts";
import { isAlive, processId } from "../../src/stop/processes.ts";
import { fakeShim } from "../support/fakeShim.ts";
import { socketPair } from "../support/socketPair.ts";

const HOST = "sink.example";
const MIB = 1024 * 1024;
/** What the kernel had taken before the gateway ended still arrives; on loopback that is a matter of milliseconds. */
const TOLERANCE_MS = 1_000;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-cut-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("in full flow, nothing goes up any more once the latch is set, with nobody but the gateway to see it", async () => {
  const arrivals: { atMs: number; bytes: number }[] = [];
  const sink = createServer((socket) => {
    // Never answered, so that what is under way stays under way.
    socket.on("data", (chunk) => arrivals.push({ atMs: performance.now(), bytes: chunk.length }));
    socket.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(sink, "listening");
  const { port } = sink.address() as AddressInfo;
  const stateDir = join(directory, "state");
  mkdirSync(stateDir);
  const gateway = await gatewayTo(port, stateDir);
  const id = processId(gateway.pid);
  const [inside, outside] = await socketPair();
  await gateway.attach({ name: "wd-c1-lab-1", role: "lab", channel: outside });
  const shim = fakeShim(inside);
  const body = Buffer.alloc(MIB, "x");
  const over = new AbortController();
  const pour = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const asked = shim.ask({ ":method": "POST", ":authority": `${HOST}:${port}`, ":path": "/up" }, body);
      asked.catch(() => undefined);
      await sleep(15);
    }
  };
  const pouring = pour();
  await expect.poll(() => arrivals.length, { timeout: 10_000 }).toBeGreaterThan(20);
  setLatch(stateDir, { who: "a test", why: "to see" }, systemClock);
  const latchedAtMs = performance.now();
  await expect.poll(() => id !== undefined && isAlive(id), { timeout: 5_000, interval: 5 }).toBe(false);
  await sleep(TOLERANCE_MS + 500);
  over.abort();
  await pouring.catch(() => undefined);
  expect(arrivals.some(({ atMs }) => atMs < latchedAtMs)).toBe(true);
  const late = arrivals.filter(({ atMs }) => atMs > latchedAtMs + TOLERANCE_MS);
  expect(late).toEqual([]);
  await gateway.cut("the test ended");
  sink.close();
});

function gatewayTo(port: number, stateDir?: string): Promise<Gateway> {
  const rule = Rule.parse({
    id: "sink",
    host: HOST,
    port,
    scheme: "http",
    methods: ["POST"],
    paths: ["/**"],
    requestBytesMax: MIB,
    responseBytesMax: 1,
    why: "to count what arrives",
  });
  return startGateway({
    cycle: "c1",
    runDirectory: join(directory, "run"),
    allowlists: [{ version: 1, purpose: "test", rules: [rule] }],
    canaryHosts: [],
    pins: [{ host: HOST, address: "127.0.0.1" }],
    ...(stateDir === undefined ? {} : { stateDir }),
    onRequest: async () => ({ status: 200, body: {} }),
    onAlarm: () => undefined,
    signal: new AbortController().signal,
  });
}

test("a cut reaches a gateway that does nothing any more", async () => {
  const gateway = await gatewayTo(9);
  const id = processId(gateway.pid);
  process.kill(gateway.pid, "SIGSTOP");
  await gateway.cut("the test stopped it");
  expect(id !== undefined && isAlive(id)).toBe(false);
});

test("who ends at once closes its sockets itself, before the signal that ends it", async () => {
  let isClosed = false;
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("close", () => {
      isClosed = true;
    });
    child.kill("SIGTERM");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  // In place of the signal it stands still for ever.
  const script = `
    import { connect } from "node:net";
    import { endAtOnce } from ${JSON.stringify(join(import.meta.dirname, "../../src/egress/endAtOnce.ts"))};
    process.kill = (pid, name) => {
      if (pid === process.pid && name === "SIGKILL") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    };
    process.once("SIGTERM", endAtOnce);
    connect(${port}, "127.0.0.1").on("error", () => undefined);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
  const exited = once(child, "exit");
  await expect.poll(() => isClosed, { timeout: 10_000 }).toBe(true);
  expect(child.exitCode ?? child.signalCode).toBe(null);
  child.kill("SIGKILL");
  expect(await exited).toEqual([null, "SIGKILL"]);
  server.close();
});
