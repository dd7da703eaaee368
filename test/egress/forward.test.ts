import { once } from "node:events";
import { afterAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Rule } from "../../src/egress/allowlist.ts";
import { keptConnections } from "../../src/egress/connections.ts";
import { decide } from "../../src/egress/decide.ts";
import { forward } from "../../src/egress/forward.ts";
import { type Resolve, type Vetted, vet } from "../../src/egress/resolver.ts";
import { dial } from "../../src/egress/upstream.ts";
import { flowBench, neverResolved } from "../support/flowBench.ts";
import { selfSigned } from "../support/selfSigned.ts";
import { staying } from "../support/staying.ts";
import { upstream } from "../support/upstream.ts";

const HOST = "api.example";
const pins = [{ host: HOST, address: "127.0.0.1" }];

function rule(port: number, over: Record<string, unknown> = {}) {
  return { id: "one", host: HOST, port, scheme: "http", methods: ["GET", "POST", "HEAD"], paths: ["/**"], ...over };
}

function to(port: number, path = "/v1/x", over: Record<string, string> = {}) {
  return { ":authority": `${HOST}:${port}`, ":path": path, ...over };
}

describe("what goes out is made anew from the rule", () => {
  test("headers from inside stay inside unless they are named, and Host is the rule's", async () => {
    await using host = await upstream((response) => {
      response
        .writeHead(200, { "content-type": "text/x", "set-cookie": "a=b", "x-odd": "1", etag: "e" })
        .end("hello");
    });
    await using bench = await flowBench({
      rules: [rule(host.port, { requestBytesMax: 100, query: ["page"] })],
      pins,
    });
    const reply = await bench.shim.ask(
      to(host.port, "/v1/x?page=2", {
        ":method": "POST",
        "x-forwarded-for": "192.0.2.1",
        "x-odd": "1",
        "proxy-authorization": "Basic x",
        "content-type": "application/json",
        "user-agent": "curl",
      }),
      "{}",
    );
    expect(reply).toMatchObject({ status: 200, text: "hello", headers: { "content-type": "text/x", etag: "e" } });
    expect(Object.keys(reply.headers).toSorted()).toEqual([":status", "content-type", "date", "etag"]);
    expect(host.seen).toMatchObject([{ method: "POST", url: "/v1/x?page=2", body: "{}" }]);
    expect(host.seen[0]?.headers).toEqual({
      "accept-encoding": "identity",
      connection: "keep-alive",
      "content-length": "2",
      "content-type": "application/json",
      host: `${HOST}:${host.port}`,
      "user-agent": "weakdoor",
    });
    const [open, close] = bench.log();
    expect(open).toMatchObject({
      event: "open",
      verdict: "allow",
      rule: "one",
      pathTemplate: "/**",
      bytesUp: 2,
      path: "/v1/x",
    });
    expect(open?.stripped).toEqual(["x-forwarded-for", "x-odd", "proxy-authorization"]);
    expect(close).toMatchObject({
      event: "close",
      status: 200,
      dialed: "127.0.0.1",
      bytesDown: 5,
      closedBy: "answer",
      reason: "ok",
    });
  });

  test("TLS is the gateway's: the name in SNI and in the certificate is the rule's", async () => {
    const pair = selfSigned(HOST);
    await using host = await upstream((response) => response.end("over TLS"), pair);
    const rules = [rule(host.port, { scheme: "https" })];
    await using trusting = await flowBench({ rules, pins, certificates: [pair.cert] });
    expect(await trusting.shim.ask(to(host.port))).toMatchObject({ status: 200, text: "over TLS" });
    expect(host.seen[0]?.serverName).toBe(HOST);
    await using strict = await flowBench({ rules, pins });
    expect(await strict.shim.ask(to(host.port))).toMatchObject({
      status: 502,
      text: "the host could not be reached\n",
    });
    expect(host.seen).toHaveLength(1);
  });

  test("a certificate for another name is no answer", async () => {
    const pair = selfSigned("other.example");
    await using host = await upstream((response) => response.end(), pair);
    await using bench = await flowBench({
      rules: [rule(host.port, { scheme: "https" })],
      pins,
      certificates: [pair.cert],
    });
    expect((await bench.shim.ask(to(host.port))).status).toBe(502);
    expect(host.seen).toEqual([]);
  });

  test("a redirect is handed in, not followed", async () => {
    await using host = await upstream((response) =>
      response.writeHead(302, { location: "http://evil.example/" }).end(),
    );
    await using bench = await flowBench({ rules: [rule(host.port)], pins });
    const reply = await bench.shim.ask(to(host.port));
    expect(reply).toMatchObject({ status: 302, headers: { location: "http://evil.example/" } });
    expect(host.seen).toHaveLength(1);
  });

  test.each([
    ["HEAD", 200],
    ["GET", 204],
    ["GET", 304],
  ])("an answer without a body to %s with %i ends well", async (method, code) => {
    await using host = await upstream((response) => response.writeHead(code, { etag: "e" }).end());
    await using bench = await flowBench({ rules: [rule(host.port)], pins });
    const reply = await bench.shim.ask(to(host.port, "/v1/x", { ":method": method }));
    expect(reply).toMatchObject({ status: code, text: "", headers: { etag: "e" } });
    expect(bench.log()[1]).toMatchObject({ closedBy: "answer", bytesDown: 0 });
  });
});

describe("bytes are bounded both ways", () => {
  test("an answer over the rule's limit is cut at it", async () => {
    await using host = await upstream((response) => response.end("a".repeat(50_000)));
    await using bench = await flowBench({
      rules: [rule(host.port, { responseBytesMax: 50_000 }), rule(host.port, { id: "two" })],
      pins,
    });
    expect((await bench.shim.ask(to(host.port))).text).toHaveLength(50_000);
    await using tight = await flowBench({ rules: [rule(host.port, { responseBytesMax: 49_999 })], pins });
    const reply = await tight.shim.ask(to(host.port));
    expect(reply.text.length).toBeLessThan(50_000);
    expect(reply.reset).not.toBe(0);
    expect(tight.log()[1]).toMatchObject({ closedBy: "limit", reason: "response-too-long" });
  });

  test("a body over the rule's limit never goes out", async () => {
    await using host = await upstream((response) => response.end());
    await using bench = await flowBench({ rules: [rule(host.port, { requestBytesMax: 10 })], pins });
    const post = to(host.port, "/v1/x", { ":method": "POST" });
    expect((await bench.shim.ask(post, "a".repeat(11))).status).toBe(413);
    expect((await bench.shim.ask(to(host.port), "a".repeat(11))).status).toBe(413);
    expect(host.seen).toEqual([]);
    expect((await bench.shim.ask(post, "a".repeat(10))).status).toBe(200);
  });

  test("a denied request that never ends is answered within two seconds", async () => {
    await using bench = await flowBench({});
    const stream = bench.shim.session.request({ ":method": "POST", ":authority": "evil.example", ":path": "/" });
    stream.write("a drip");
    const before = performance.now();
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(headers[":status"]).toBe(403);
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  test("bodies of one sandbox together hold no more than 64 MiB", async () => {
    await using bench = await flowBench({});
    const open = Array.from({ length: 70 }, () => {
      const stream = bench.shim.session.request({
        ":method": "POST",
        ":authority": "broker.weakdoor.internal",
        ":path": "/v1/x",
      });
      stream.write('{"a":');
      return stream;
    });
    const refused: unknown[] = [];
    for (const stream of open) stream.once("response", (headers) => refused.push(headers[":status"]));
    await expect.poll(() => refused).toEqual([429, 429, 429, 429, 429, 429]);
    for (const stream of open) if (!stream.writableEnded) stream.end("1}");
    await expect.poll(() => refused.filter((status) => status === 200).length).toBeGreaterThan(0);
    await expect.poll(() => refused.length).toBe(70);
    expect((await bench.shim.tell("POST", "/v1/x", {})).status).toBe(200);
  });
});

describe("names and addresses", () => {
  test("a host that no rule names is denied before anybody is asked for its address", async () => {
    await using bench = await flowBench({ rules: [rule(443, { scheme: "https" })], resolve: neverResolved });
    for (const authority of ["evil.example", `${HOST}:8443`, "secret-data.evil.example"]) {
      expect((await bench.shim.ask({ ":authority": authority, ":path": "/" })).status).toBe(403);
    }
    expect((await bench.shim.ask({ ":authority": `${HOST}:443`, ":path": "/../x" })).status).toBe(403);
  });

  test.each([["127.0.0.1"], ["169.254.169.254"], ["10.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"]])(
    "a name that leads to %s is not dialed",
    async (address) => {
      await using host = await upstream((response) => response.end());
      await using bench = await flowBench({ rules: [rule(host.port)], resolve: async () => [address] });
      expect(await bench.shim.ask(to(host.port))).toMatchObject({
        status: 403,
        text: "this host may not be reached from here\n",
      });
      expect(bench.log()[1]).toMatchObject({ reason: "address-denied", resolved: [address], dialed: null });
      expect(host.seen).toEqual([]);
    },
  );

  test("is resolved once, and of several addresses the first that is global is dialed", async () => {
    let calls = 0;
    const resolve: Resolve = async () => {
      calls++;
      return ["10.0.0.1", "9.9.9.9", "1.1.1.1"];
    };
    const vetting = { resolve, pins: [], ownAddresses: () => new Set(["9.9.9.9"]) };
    expect(await vet(HOST, vetting)).toMatchObject({ status: "vetted", address: "1.1.1.1" });
    expect(calls).toBe(1);
  });

  test("for a request through a tunnel nobody is asked again: it goes where the tunnel was let in to", async () => {
    await using host = await upstream((response) => response.end("there"));
    const vetting = { resolve: neverResolved, pins: [], ownAddresses: () => new Set<string>() };
    const connections = keptConnections([]);
    const decision = decide(
      { role: "lab", method: "GET", scheme: "http", authority: `${HOST}:${host.port}`, path: "/x" },
      {
        isLatched: false,
        today: "2026-06-15",
        canaryHosts: [],
        rules: [Rule.parse({ responseBytesMax: 9, why: "w", ...rule(host.port) })],
      },
    );
    if (decision.verdict !== "allow") throw new Error(decision.reason);
    const request = { method: "GET", headers: {}, body: Buffer.alloc(0), leaving: staying, injected: {} };
    const known: Vetted = { status: "vetted", address: "127.0.0.1", resolved: ["127.0.0.1"] };
    const answer = await forward(decision, request, { vetting, connections, clock: systemClock }, known);
    expect(answer).toMatchObject({ status: "ready", trail: { dialed: "127.0.0.1", resolved: ["127.0.0.1"] } });
    expect(host.seen).toHaveLength(1);
    await connections.end();
  });

  test("no answer, an empty answer and a lying resolver are refused", async () => {
    const failing: Resolve = () =>
      Promise.reject(Object.assign(new Error("queryA ENOTFOUND"), { code: "ENOTFOUND" }));
    for (const resolve of [failing, async () => [], async () => ["not an address"]] satisfies Resolve[]) {
      const vetted = await vet(HOST, { resolve, pins: [], ownAddresses: () => new Set() });
      expect(vetted.status).toBe("refused");
    }
    await using bench = await flowBench({ rules: [rule(443)], resolve: failing });
    expect(await bench.shim.ask(to(443))).toMatchObject({
      status: 502,
      text: "the host's name could not be resolved\n",
    });
  });
});

describe("a host that does not behave", () => {
  const connections = keptConnections([]);
  afterAll(() => connections.end());
  const request = {
    scheme: "http",
    host: HOST,
    address: "127.0.0.1",
    method: "GET",
    path: "/",
    headers: {},
  } as const;

  test("never answers: given up on at the deadline", async () => {
    await using host = await upstream(() => undefined);
    const one = { ...request, port: host.port, body: Buffer.alloc(0), deadlineMs: 100 };
    const dialed = await dial(one, staying, connections);
    expect(dialed).toEqual({ status: "failed", detail: "not done in time", wasConnected: true });
  });

  test("drips: given up on at the deadline, however steadily it drips", async () => {
    await using host = await upstream((response) => {
      const drip = setInterval(() => response.write("."), 10);
      response.once("close", () => clearInterval(drip));
    });
    const one = { ...request, port: host.port, body: Buffer.alloc(0), deadlineMs: 200 };
    const dialed = await dial(one, staying, connections);
    if (dialed.status === "failed") throw new Error(dialed.detail);
    const body = dialed.response.body().resume();
    const [error] = (await once(body, "error")) as [Error];
    expect(error.message).toMatch(/aborted|not done in time/);
  });

  test("refuses the connection: 502", async () => {
    const gone = await upstream(() => undefined);
    await gone[Symbol.asyncDispose]();
    await using bench = await flowBench({ rules: [rule(gone.port)], pins });
    expect((await bench.shim.ask(to(gone.port))).status).toBe(502);
    expect(bench.log()[1]).toMatchObject({ reason: "upstream-unreachable ECONNREFUSED" });
  });

  test("breaks off in the middle: the guest sees a reset, the log says who it was", async () => {
    await using host = await upstream((response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("begun", () => response.destroy());
    });
    await using bench = await flowBench({ rules: [rule(host.port)], pins });
    const reply = await bench.shim.ask(to(host.port));
    expect(reply).toMatchObject({ status: 200, text: "begun" });
    expect(reply.reset).not.toBe(0);
    await expect
      .poll(() => bench.log()[1])
      .toMatchObject({ closedBy: "upstream", reason: "upstream-broken", bytesDown: 5 });
  });

  test("is let go of when the guest leaves", async () => {
    let isClosed = false;
    await using host = await upstream((response) => {
      response.writeHead(200);
      response.write("begun");
      response.once("close", () => {
        isClosed = true;
      });
    });
    await using bench = await flowBench({ rules: [rule(host.port)], pins });
    const stream = bench.shim.session.request({ ":method": "GET", ":scheme": "http", ...to(host.port) });
    await once(stream, "data");
    stream.close();
    await expect.poll(() => isClosed).toBe(true);
    await expect.poll(() => bench.log()[1]).toMatchObject({ closedBy: "guest" });
  });
});
