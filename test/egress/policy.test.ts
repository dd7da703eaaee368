import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { followPolicy } from "../../src/cycle/policy.ts";
import type { Alarm, Gateway } from "../../src/egress/egress.ts";
import { type GatewayOptions, startGateway } from "../../src/egress/gateway.ts";
import { fingerprintOf, loadLists } from "../../src/egress/lists.ts";
import { verifyRecord } from "../../src/egress/verifyRecord.ts";
import { fakeShim } from "../support/fakeShim.ts";
import { selfSigned } from "../support/selfSigned.ts";
import { socketPair } from "../support/socketPair.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

const HOST = "api.example";
const SECRET = "what-the-gateway-puts-in";
let directory: string;
let path: string;
let host: Upstream;
let gateway: Gateway | undefined;
let alarms: Alarm[];
let answering: Promise<void>;
const pair = selfSigned(HOST);

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-policy-"));
  path = join(directory, "tests.yaml");
  alarms = [];
  answering = Promise.resolve();
  host = await upstream((response) => void answering.then(() => response.end("hello")), pair);
});
afterEach(async () => {
  await gateway?.cut("the test ended");
  await host[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** At once, so that nobody sees half of it. */
function write(rule: string) {
  const text = [
    "version: 1",
    "purpose: tests",
    "rules:",
    `  - { id: one, host: ${HOST}, port: ${host.port},`,
    `      ${rule},`,
  ];
  writeFileSync(`${path}.new`, [...text, "      responseBytesMax: 1000, why: a test }", ""].join("\n"));
  renameSync(`${path}.new`, path);
}
const GET = "methods: [GET], paths: [/a]";

async function start(over: Partial<GatewayOptions> = {}) {
  const lists = await loadLists([path], (name) => (name === "SEARCH_KEY" ? SECRET : undefined), new Date());
  gateway = await startGateway({
    cycle: "c1",
    runDirectory: join(directory, "run"),
    ...lists,
    canaryHosts: [],
    pins: [{ host: HOST, address: "127.0.0.1" }],
    certificates: [pair.cert],
    onRequest: async () => ({ status: 200, body: {} }),
    onAlarm: (alarm) => alarms.push(alarm),
    signal: new AbortController().signal,
    ...over,
  });
  const [inside, outside] = await socketPair();
  await gateway.attach({ name: "wd-lab", role: "lab", channel: outside, backend: "bubblewrap" });
  const shim = fakeShim(inside);
  const get = (at: string, headers: Record<string, string> = {}) =>
    shim.ask({ ":authority": `${HOST}:${host.port}`, ":path": at, ...headers });
  return { gateway, get };
}

function log({ logPath }: Gateway): Record<string, unknown>[] {
  const lines = readFileSync(logPath, "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("lists that change under way", () => {
  async function following() {
    write(GET);
    const before = await fingerprintOf([path]);
    const started = await start();
    const leaves: { kind: string; payload: unknown }[] = [];
    const broken: Error[] = [];
    followPolicy(
      {
        cycle: "c1",
        clock: systemClock,
        ledger: { append: (leaf) => leaves.push(leaf) },
        secretOf: () => undefined,
        breakOff: (error) => broken.push(error),
      },
      started.gateway,
      { paths: [path], before, everyMs: 10 },
    );
    return { ...started, leaves, broken };
  }

  test("hold at once for what is new; what is under way ends under what it began with, and each line says which it was", async () => {
    const { gateway, get, leaves, broken } = await following();
    const old = gateway.policyHash();
    const held = Promise.withResolvers<void>();
    answering = held.promise;
    const slow = get("/a");
    await expect.poll(() => host.seen.length).toBe(1);
    write("methods: [GET], paths: [/b]");
    await expect.poll(() => leaves).toHaveLength(1);
    expect(leaves[0]).toMatchObject({
      kind: "egress.policy-changed",
      payload: { from: old, to: gateway.policyHash() },
    });
    expect((await get("/a")).status).toBe(403);
    held.resolve();
    expect(await slow).toMatchObject({ status: 200, text: "hello" });
    expect((await get("/b")).status).toBe(200);
    const lines = log(gateway);
    const of = (event: string, flow: number) => lines.find((line) => line.event === event && line.flow === flow);
    expect(lines.find(({ event }) => event === "policy")).toMatchObject({
      status: "changed",
      from: old,
      policyHash: gateway.policyHash(),
    });
    expect([of("open", 0)?.policyHash, of("close", 0)?.policyHash]).toEqual([old, old]);
    expect(of("open", 1)).toMatchObject({ reason: "path-not-listed", policyHash: gateway.policyHash() });
    expect(await verifyRecord(gateway.logPath)).toMatchObject({ status: "intact" });
    expect(broken).toEqual([]);
  });

  test.each([
    ["broken", () => writeFileSync(path, "version: 1\nrules: [")],
    ["expired", () => write(`${GET}, expires: 2020-01-01`)],
    ["misspelt", () => write(`${GET}, pathes: [/b]`)],
    ["without the secret that they name", () => write(`${GET}, inject: { header: x-key, secretEnv: OTHER_KEY }`)],
    ["gone", () => rmSync(path)],
  ])("and are %s change nothing, and that is told", async (_, spoil) => {
    const { gateway, get, leaves, broken } = await following();
    const old = gateway.policyHash();
    spoil();
    await expect.poll(() => leaves).toHaveLength(1);
    expect(leaves[0]).toMatchObject({ kind: "egress.policy-kept", payload: { policy: old } });
    expect((await get("/a")).status).toBe(200);
    expect(log(gateway)[0]).toMatchObject({ event: "policy", status: "kept", policyHash: old });
    write("methods: [GET], paths: [/b]");
    await expect.poll(async () => (await get("/b")).status).toBe(200);
    expect(broken).toEqual([]);
  });
});

describe("a credential", () => {
  test("of others is refused, told and a line of the log, and its value is nowhere", async () => {
    write(GET);
    const { gateway, get } = await start();
    const token = ["ghp", "A".repeat(36)].join("_");
    const reply = await get("/a", { authorization: `Bearer ${token}` });
    expect(reply).toMatchObject({ status: 403 });
    expect(reply.text).toContain("credential");
    await expect.poll(() => alarms).toHaveLength(1);
    expect(alarms[0]).toMatchObject({ carrier: "foreign-credential", subject: HOST, sandbox: "wd-lab" });
    expect(log(gateway)[0]).toMatchObject({
      verdict: "deny",
      reason: "foreign-credential",
      backend: "bubblewrap",
      credential: { place: "header authorization", kind: "github-token" },
    });
    expect(readFileSync(gateway.logPath, "utf8") + JSON.stringify(alarms)).not.toContain(token);
    expect(host.seen).toEqual([]);
    expect((await get("/a")).status).toBe(200);
  });

  test("of ours goes out by the rule, is never in the log, and is refused when it comes from inside", async () => {
    write(`${GET}, inject: { header: authorization, secretEnv: SEARCH_KEY, prefix: "Bearer " }`);
    const { gateway, get } = await start();
    expect((await get("/a")).status).toBe(200);
    expect(host.seen[0]?.headers.authorization).toBe(`Bearer ${SECRET}`);
    expect((await get("/a", { "x-odd": SECRET })).status).toBe(403);
    await expect.poll(() => alarms).toHaveLength(1);
    expect(alarms[0]?.detail).toContain("kind ours");
    expect(readFileSync(gateway.logPath, "utf8") + JSON.stringify(alarms)).not.toContain(SECRET);
  });
});

describe("caps", () => {
  test("turn away what is too much with a time to come back, and write down once a second what they did", async () => {
    write(GET);
    const { gateway, get } = await start({ caps: { requestsPerSecond: 1, requestBurst: 3 } });
    const replies = await Promise.all(Array.from({ length: 20 }, () => get("/a")));
    const refused = replies.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(5);
    expect(refused[0]?.headers["retry-after"]).toBe("1");
    await expect.poll(() => log(gateway).some(({ event }) => event === "capped"), { timeout: 10_000 }).toBe(true);
    const lines = log(gateway);
    const own = lines.filter(({ event, reason }) => event === "open" && reason === "too-many-requests").length;
    const counted = lines
      .filter(({ event }) => event === "capped")
      .reduce((sum, line) => sum + Number(line.times), 0);
    expect(own + counted).toBe(refused.length);
  });

  test("are of one sandbox: another one does not notice", async () => {
    write(GET);
    const { gateway, get } = await start({ caps: { streamsMax: 2 } });
    const held = Promise.withResolvers<void>();
    answering = held.promise;
    const first = [get("/a"), get("/a")];
    await expect.poll(() => host.seen.length).toBe(2);
    expect((await get("/a")).status).toBe(429);
    const [inside, outside] = await socketPair();
    await gateway.attach({ name: "wd-lab-2", role: "lab", channel: outside });
    expect((await fakeShim(inside).hello()).status).toBe(200);
    held.resolve();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await get("/a")).status).toBe(200);
  });

  test("of a rule: so often, and so many bytes in a cycle", async () => {
    write(`${GET}, rate: { perMinute: 1, burst: 1 }`);
    const { get } = await start();
    expect((await get("/a")).status).toBe(200);
    const second = await get("/a");
    expect(second.status).toBe(429);
    expect(Number(second.headers["retry-after"])).toBeGreaterThan(30);
  });

  test("of a rule's bytes cut an answer that would go over, and then refuse", async () => {
    write(`${GET}, cycleBytesMax: { up: 0, down: 8 }`);
    const { gateway, get } = await start();
    expect((await get("/a")).text).toBe("hello");
    await get("/a");
    await expect.poll(() => log(gateway).filter(({ event }) => event === "close")).toHaveLength(2);
    const [open, , , cut] = log(gateway);
    expect(open?.budgetLeft).toEqual({ up: 0, down: 8 });
    expect(cut).toMatchObject({ reason: "rule-bytes", closedBy: "limit" });
  });
});
