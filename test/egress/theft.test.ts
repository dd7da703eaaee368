import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { Alarm, Gateway } from "../../src/egress/egress.ts";
import { type GatewayOptions, startGateway } from "../../src/egress/gateway.ts";
import { verifyRecord } from "../../src/egress/verifyRecord.ts";
import type { Role } from "../../src/sandbox/sandbox.ts";
import { latchPath, readLatch, setLatch } from "../../src/stop/latch.ts";
import { isAlive, processId } from "../../src/stop/processes.ts";
import { fakeShim } from "../support/fakeShim.ts";
import { socketPair } from "../support/socketPair.ts";
import { upstream } from "../support/upstream.ts";

/** A real gateway process with a latch to set. */
const value = ["wd", "fake", "0123456789abcdefghijklmnop"].join("-");
const fake = { id: "fk-0123456789", kind: "generic", value, cycle: "c1", file: "home/.env" };
const other = { ...fake, id: "fk-abcdef0123", value: ["wd", "fake", "ponmlkjihgfedcba9876543210"].join("-") };

let directory: string;
let stateDir: string;
let gateways: Gateway[];
let alarms: Alarm[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-theft-"));
  stateDir = join(directory, "state");
  mkdirSync(stateDir);
  gateways = [];
  alarms = [];
});
afterEach(async () => {
  for (const gateway of gateways) await gateway.cut("the test ended");
  rmSync(directory, { recursive: true, force: true });
});

async function start(over: Partial<GatewayOptions> = {}): Promise<Gateway> {
  const gateway = await startGateway({
    cycle: "c1",
    runDirectory: join(directory, "run"),
    allowlists: [],
    canaryHosts: ["canary.example"],
    stateDir,
    onRequest: async () => ({ status: 200, body: {} }),
    onAlarm: (alarm) => alarms.push(alarm),
    signal: new AbortController().signal,
    ...over,
  });
  gateways.push(gateway);
  await gateway.watch([fake, other]);
  return gateway;
}

async function bring(gateway: Gateway, role: Role = "lab") {
  const [inside, outside] = await socketPair();
  const guest = await gateway.attach({ name: `wd-c1-${role}-0`, role, channel: outside });
  return { guest, shim: fakeShim(inside) };
}

const steal = (token = value) => ({
  ":authority": "api.example.invalid",
  ":path": "/",
  authorization: `Bearer ${token}`,
});

describe("a fake on its way out", () => {
  test("sets the kill switch and ends the gateway; the log is whole, and the alarm was heard", async () => {
    const gateway = await start();
    const { guest, shim } = await bring(gateway);
    const id = processId(gateway.pid);
    await expect(shim.ask(steal())).rejects.toThrow(/no answer/);
    expect(readLatch(stateDir)).toMatchObject({
      status: "set",
      who: "gateway",
      why: expect.stringMatching(
        /^a fake was on its way out of wd-c1-lab-0: fk-0123456789, generic of home\/\.env/,
      ) as string,
    });
    expect(readFileSync(latchPath(stateDir), "utf8")).not.toContain(value);
    await guest.closed;
    expect(String(await gateway.died)).toContain("the gateway process ended");
    expect(id !== undefined && isAlive(id)).toBe(false);
    expect(await verifyRecord(gateway.logPath)).toMatchObject({ status: "intact", lines: 2, unclosed: 0 });
    expect(alarms).toMatchObject([{ carrier: "fake-credential", sandbox: "wd-c1-lab-0", subject: fake.id }]);
  });

  test("in pieces over two requests does so, too", async () => {
    const gateway = await start();
    const { shim } = await bring(gateway);
    expect((await shim.tell("POST", "/v1/note", { part: value.slice(0, 16) })).status).toBe(200);
    expect((await shim.tell("GET", "/v1/brief")).status).toBe(200);
    await expect(shim.tell("POST", "/v1/note", { part: value.slice(16) })).rejects.toThrow(/no answer/);
    expect(readLatch(stateDir)).toMatchObject({
      status: "set",
      why: expect.stringContaining("over several requests") as string,
    });
  });

  test("sets it while CONTROL hangs", async () => {
    const gateway = await start();
    const { shim } = await bring(gateway);
    expect((await shim.tell("GET", "/v1/brief")).status).toBe(200);
    const asked = shim.ask(steal()).catch((error: unknown) => error);
    // The request is out of this process after a turn of the loop; from then on this process does nothing at all.
    await sleep(1);
    await new Promise((resolve) => setImmediate(resolve));
    const hungUntil = Date.now() + 15_000;
    while (!existsSync(latchPath(stateDir)) && Date.now() < hungUntil)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    expect(readLatch(stateDir)).toMatchObject({ status: "set", who: "gateway" });
    await asked;
  });

  test("rings, is refused and no more, where no more is wanted", async () => {
    const gateway = await start({ onHit: "alarm" });
    const { shim } = await bring(gateway);
    expect(await shim.ask(steal())).toMatchObject({ status: 403, text: "the request was refused and reported\n" });
    expect(alarms).toMatchObject([{ subject: fake.id }]);
    expect(readLatch(stateDir).status).toBe("clear");
    expect((await shim.tell("GET", "/v1/brief")).status).toBe(200);
  });

  test("that a canary host was asked for sets nothing", async () => {
    const gateway = await start();
    const { shim } = await bring(gateway);
    expect((await shim.ask({ ":authority": "canary.example", ":path": "/" })).status).toBe(200);
    expect(readLatch(stateDir).status).toBe("clear");
  });
});

describe("a drill", () => {
  test("that was announced rings and is refused, and sets nothing; the same once more is a theft", async () => {
    const gateway = await start();
    const { guest, shim } = await bring(gateway, "target");
    await gateway.drill(guest.name, fake.id);
    expect((await shim.ask(steal())).status).toBe(403);
    await expect
      .poll(() => alarms)
      .toMatchObject([{ subject: fake.id, detail: expect.stringMatching(/, in a drill$/) as string }]);
    expect(readLatch(stateDir).status).toBe("clear");
    await expect(shim.ask(steal())).rejects.toThrow(/no answer/);
    expect(readLatch(stateDir).status).toBe("set");
  });

  test.each([
    ["of another sandbox", "wd-c1-target-0", steal()],
    ["of another fake", "wd-c1-lab-0", steal(other.value)],
    ["of one fake of two", "wd-c1-lab-0", { ...steal(), "x-also": other.value }],
  ])("%s excuses nothing", async (_, sandbox, headers) => {
    const gateway = await start();
    const { shim } = await bring(gateway);
    await gateway.drill(sandbox, fake.id);
    await expect(shim.ask(headers)).rejects.toThrow(/no answer/);
    expect(readLatch(stateDir)).toMatchObject({ status: "set", who: "gateway" });
  });
});

describe("the kill switch", () => {
  const model = (port: number) => ({
    kind: "anthropic" as const,
    baseUrl: `http://127.0.0.1:${port}`,
    key: ["not", "a", "real", "key"].join("-"),
    models: ["m-1"],
    tokensMax: 20_000_000,
  });
  const call = { ":method": "POST", ":authority": "model.weakdoor.internal", ":path": "/v1/messages" };
  const asking = (content: string) =>
    JSON.stringify({ model: "m-1", max_tokens: 100, stream: true, messages: [{ role: "user", content }] });

  test("cuts a stream of the model between two of its chunks, both ways", async () => {
    let answer: ServerResponse | undefined;
    let sentTo = 0;
    await using host = await upstream((response) => {
      answer = response.writeHead(200, { "content-type": "text/event-stream" });
      const timer = setInterval(() => response.write(`data: ${sentTo++}\n\n`), 10);
      response.once("close", () => clearInterval(timer));
    });
    const gateway = await start({ model: model(host.port) });
    const { guest, shim } = await bring(gateway);
    const stream = shim.session.request({ ":scheme": "http", ...call });
    const arrivals: number[] = [];
    stream.on("data", () => arrivals.push(performance.now()));
    stream.on("error", () => undefined);
    stream.end(asking("hello"));
    await expect.poll(() => arrivals.length, { timeout: 20_000 }).toBeGreaterThan(10);
    setLatch(stateDir, { who: "a test", why: "to see" }, systemClock);
    await gateway.died;
    await guest.closed;
    const endedAtMs = performance.now();
    await sleep(300);
    expect(arrivals.filter((atMs) => atMs > endedAtMs)).toEqual([]);
    await expect.poll(() => answer?.destroyed).toBe(true);
  });

  test("is acted on while a long body is being searched, and that body goes nowhere", async () => {
    await using host = await upstream((response) => response.end("{}"));
    const gateway = await start({ model: model(host.port) });
    const { shim } = await bring(gateway);
    const ids = Array.from({ length: 150_000 }, () => randomBytes(20).toString("hex").slice(0, 39)).join(" ");
    const asked = shim.ask(call, asking(ids)).catch((error: unknown) => error);
    // Small requests are answered meanwhile, so it is the thread that has it.
    await sleep(300);
    expect((await shim.tell("GET", "/v1/brief")).status).toBe(200);
    setLatch(stateDir, { who: "a test", why: "to see" }, systemClock);
    await gateway.died;
    expect(await asked).toBeInstanceOf(Error);
    expect(host.seen).toEqual([]);
  });
});
