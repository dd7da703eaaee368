import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Rule } from "../../src/egress/allowlist.ts";
import type { Gateway } from "../../src/egress/egress.ts";
import { startGateway } from "../../src/egress/gateway.ts";
import { type FakeShim, fakeShim } from "../support/fakeShim.ts";
import { BROKER, FLOODS, GREETING, pour } from "../support/floods.ts";
import { socketPair } from "../support/socketPair.ts";

/**
 * One gateway process under every flood, and a sandbox beside them that behaves: it is answered all along. What the flooding
 * sandbox gets is its own affair, as long as the process lives and its memory stays bounded.
 */
/** Generous: the machine that this runs on may be busy. */
const ANSWER_MS = 20_000;
const RESIDENT_MIB_MAX = 400;

let directory: string;
let gateway: Gateway;
let good: FakeShim;
let silent: Server;
const sockets: Socket[] = [];
let attackers = 0;

/** `/never` is never answered; `/drip` gets a byte now and then, for ever. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-flood-"));
  silent = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.once("data", (head: Buffer) => {
      if (!head.toString("latin1").includes("/drip")) return;
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
      const drip = setInterval(() => socket.write("x"), 20);
      socket.once("close", () => clearInterval(drip));
    });
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const address = silent.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const rule = { id: "one", host: "slow.example", scheme: "http", methods: ["GET"], paths: ["/**"] };
  gateway = await startGateway({
    cycle: "c1",
    runDirectory: join(directory, "run"),
    allowlists: [
      {
        version: 1,
        purpose: "tests",
        rules: [Rule.parse({ ...rule, port, responseBytesMax: 1_000_000, why: "a test" })],
      },
    ],
    canaryHosts: [],
    pins: [{ host: "slow.example", address: "127.0.0.1" }],
    onRequest: async () => ({ status: 200, body: {} }),
    onAlarm: () => undefined,
    signal: new AbortController().signal,
  });
  await gateway.watch([
    { id: "fk-0123456789", kind: "generic", value: "a-value-of-nobody-at-all", cycle: "c1", file: "x" },
  ]);
  slow = { ":authority": `slow.example:${port}` };
  good = fakeShim(await channel("wd-good"));
  await good.hello();
}, 60_000);
afterAll(async () => {
  await gateway.cut("the test ended");
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});
let slow: { ":authority": string };

async function channel(name: string): Promise<Duplex> {
  const [inside, outside] = await socketPair();
  inside.on("error", () => undefined);
  const guest = await gateway.attach({ name, role: "lab", channel: outside });
  guest.hello.catch(() => undefined);
  return inside;
}

const attacker = async () => channel(`wd-bad-${attackers++}`);

/** What is wrong with the gateway as the sandbox that behaves sees it; empty when nothing is. */
async function trouble(): Promise<string[]> {
  const asked = performance.now();
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) statuses.push((await good.tell("POST", "/v1/heartbeat", {})).status);
  const tookMs = performance.now() - asked;
  const status = readFileSync(`/proc/${gateway.pid}/status`, "utf8");
  const residentKiB = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  return [
    ...statuses.filter((code) => code !== 200).map((code) => `answered with ${code}`),
    ...(tookMs < ANSWER_MS ? [] : [`answered after ${tookMs} ms`]),
    ...(residentKiB / 1_024 < RESIDENT_MIB_MAX ? [] : [`${residentKiB} KiB resident`]),
  ];
}

test.each(FLOODS)("$name: the others are answered", async ({ frames }) => {
  const inside = await attacker();
  inside.write(GREETING);
  const [during] = await Promise.all([trouble(), pour(inside, frames())]);
  expect([...during, ...(await trouble())]).toEqual([]);
  inside.destroy();
});

test("bodies that drip: the others are answered, and the drips are let go of with their channel", async () => {
  const shim = fakeShim(await attacker());
  const streams = Array.from({ length: 50 }, () =>
    shim.session.request({ ":method": "POST", ":authority": BROKER, ":path": "/v1/note", ":scheme": "http" }),
  );
  for (const stream of streams) stream.on("error", () => undefined);
  for (let i = 0; i < 10; i++) {
    for (const stream of streams) stream.write("x");
    expect(await trouble()).toEqual([]);
  }
  shim.session.destroy();
  expect(await trouble()).toEqual([]);
});

test("short bodies that unpack to millions of bytes: the others are answered", async () => {
  const bomb = gzipSync(Buffer.alloc(9_000_000, "%2541")).toString("base64");
  const shim = fakeShim(await attacker());
  const post = { ":method": "POST", ":authority": "evil.example", ":path": "/" };
  const asked = Array.from({ length: 150 }, () => shim.ask(post, bomb).catch(() => undefined));
  await Promise.race(asked);
  expect(await trouble()).toEqual([]);
  shim.session.destroy();
  await Promise.all(asked);
  expect(await trouble()).toEqual([]);
});

test("headers of 64 KiB are not taken, and what follows on another channel is", async () => {
  const shim = fakeShim(await attacker());
  const huge = shim.ask({ ":authority": BROKER, ":path": "/v1/brief", "x-big": "a".repeat(64 * 1024) });
  await expect(huge).rejects.toThrow(/no answer/);
  expect(await trouble()).toEqual([]);
});

test.each(["/never", "/drip"])("a host that does %s holds what asked it, and nobody else", async (path) => {
  const shim = fakeShim(await attacker());
  const asked = Array.from({ length: 100 }, () => shim.ask({ ...slow, ":path": path }).catch(() => undefined));
  await expect.poll(() => sockets.length, { timeout: ANSWER_MS }).toBeGreaterThan(0);
  expect(await trouble()).toEqual([]);
  shim.session.destroy();
  await Promise.all(asked);
  expect(await trouble()).toEqual([]);
});

test("10,000 requests in one go are answered or told to wait, every one", async () => {
  const shim = fakeShim(await attacker());
  const statuses = new Map<number, number>();
  const troubles: string[] = [];
  for (let i = 0; i < 100; i++) {
    const replies = await Promise.all(
      Array.from({ length: 100 }, () => shim.ask({ ":authority": "evil.example", ":path": "/" })),
    );
    for (const { status } of replies) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (i % 25 === 0) troubles.push(...(await trouble()));
  }
  expect([...statuses.keys()].filter((status) => status !== 403 && status !== 429)).toEqual([]);
  expect([...statuses.values()].reduce((sum, n) => sum + n, 0)).toBe(10_000);
  expect([...troubles, ...(await trouble())]).toEqual([]);
}, 60_000);
