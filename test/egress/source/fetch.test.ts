import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Scan } from "../../../src/egress/source/scan.ts";
import type { Source } from "../../../src/sources/source.ts";
import { selfSigned } from "../../support/selfSigned.ts";
import { feed, feedRule, HOST, type SourceBench, sourceBench } from "../../support/sourceBench.ts";
import { type Seen, type Upstream, upstream } from "../../support/upstream.ts";

const TLS = selfSigned(HOST);
const OTHER = selfSigned("other.example");
const certificates = [TLS.cert, OTHER.cert];
const clean: Scan = async () => ({ status: "clean" });
const GOOD = { source: "feed", params: { name: "good" } };

/** A host that answers `good` well, and everything else as the test says. */
function host(answer: (response: ServerResponse, seen: Seen) => void): Promise<Upstream> {
  return upstream((response, seen) => {
    if (seen.url !== "/feed/good") return answer(response, seen);
    json(response, { text: "well said" });
  }, TLS);
}

function json(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}

function benchOf(port: number, over: Partial<Source> = {}, rest: Partial<Parameters<typeof sourceBench>[0]> = {}) {
  return sourceBench({ sources: [feed(port, over)], rules: [feedRule(port)], scan: clean, certificates, ...rest });
}

/** What was refused counts only when its sibling got through, on the same desk. */
async function expectRefused(bench: SourceBench, name: string, reason: string): Promise<void> {
  expect(await bench.ask({ source: "feed", params: { name } })).toMatchObject({ reason });
  expect(await bench.ask(GOOD)).toMatchObject({ code: 200, text: expect.stringContaining("| well said") as string });
}

describe("what is asked", () => {
  test("a source is asked by its id, with our name and nothing from inside, and each hop is in the log", async () => {
    await using there = await host(() => undefined);
    using bench = benchOf(there.port);
    const asked = await bench.ask(GOOD);
    expect(asked.code).toBe(200);
    expect(there.seen).toMatchObject([{ method: "GET", url: "/feed/good", serverName: HOST }]);
    expect(there.seen[0]?.headers).toEqual({
      accept: expect.stringContaining("application/json") as string,
      "accept-encoding": "gzip",
      connection: "close",
      host: `${HOST}:${there.port}`,
      "user-agent": expect.stringMatching(/^weakdoor /) as string,
    });
    expect(bench.log()).toMatchObject([
      {
        event: "open",
        role: "source-fetcher",
        verdict: "allow",
        rule: "feed",
        path: "/feed/good",
        sandbox: "wd-lab",
      },
      { event: "close", status: 200, reason: "whole", dialed: "127.0.0.1", bytesDown: 20 },
    ]);
  });

  test.each([
    ["an id that is none", { source: "other", params: {} }, "source-unknown"],
    ["an id from the prototype", { source: "__proto__", params: {} }, "source-unknown"],
    ["parameters of another shape", { source: "feed", params: { name: "../x" } }, "source-parameters"],
    ["a URL", { source: "feed", params: { name: "good" }, url: "https://evil.example/" }, "body-shape"],
    ["a URL as a parameter", { source: "feed", params: { name: "good", url: "x" } }, "source-parameters"],
    ["no JSON", "{", "body-shape"],
  ])("%s is refused in one sentence, and nothing is asked of anyone", async (_, body, reason) => {
    await using there = await host(() => undefined);
    using bench = benchOf(there.port);
    const refused = await bench.ask(body);
    expect(refused).toMatchObject({ reason });
    expect(refused.text).not.toMatch(/feed\.example|allowlist|rule/);
    expect(there.seen).toEqual([]);
    expect(await bench.ask(GOOD)).toMatchObject({ code: 200 });
  });
});

describe("redirects are decided about hop by hop", () => {
  test.each([
    ["another host", "https://other.example/feed/good", "source-place"],
    ["plain http", `http://${HOST}/feed/good`, "source-scheme"],
    ["a path that no rule names", "/secret", "source-place"],
    ["another port", `https://${HOST}:1/feed/good`, "source-place"],
    ["an address", "https://127.0.0.1/feed/good", "source-place"],
    ["an authority of ours", "https://broker.weakdoor.internal/v1/task", "source-place"],
    ["a name with user and password", `https://a:b@${HOST}/feed/good`, "source-place"],
    ["a canary host", "https://canary.example/", "source-place"],
    ["a file", "file:///etc/passwd", "source-scheme"],
    ["a query that no rule names", "/feed/good?x=1", "source-place"],
    ["nowhere", "", "source-redirect"],
    ["itself", "/feed/away", "source-redirect"],
  ])("to %s: refused", async (_, location, reason) => {
    await using there = await host((response) => response.writeHead(302, location === "" ? {} : { location }).end());
    using bench = benchOf(there.port);
    await expectRefused(bench, "away", reason);
    expect(there.seen.map(({ url }) => url)).toEqual(["/feed/away", "/feed/good"]);
  });

  test("within the source's own rules: followed, resolved anew, and said in the log", async () => {
    await using there = await host((response) => response.writeHead(307, { location: "/feed/good" }).end());
    const names: string[] = [];
    using bench = benchOf(there.port, {}, { pins: [], resolve: async (name) => (names.push(name), ["192.0.2.1"]) });
    expect(await bench.ask({ source: "feed", params: { name: "away" } })).toMatchObject({ reason: "address-denied" });
    expect(names).toEqual([HOST]);
    using pinned = benchOf(there.port);
    expect(await pinned.ask({ source: "feed", params: { name: "away" } })).toMatchObject({ code: 200 });
    expect(pinned.log().map(({ event, path, reason }) => [event, path ?? reason])).toEqual([
      ["open", "/feed/away"],
      ["close", "redirected"],
      ["open", "/feed/good"],
      ["close", "whole"],
    ]);
  });

  test("to a host that is listed for another source: refused", async () => {
    await using other = await upstream((response) => json(response, { text: "of another" }), OTHER);
    await using there = await host((response) =>
      response.writeHead(302, { location: `https://other.example:${other.port}/feed/x` }).end(),
    );
    const rules = [feedRule(there.port), { ...feedRule(other.port), id: "other", host: "other.example" }];
    const pins = [HOST, "other.example"].map((name) => ({ host: name, address: "127.0.0.1" }));
    using bench = benchOf(there.port, {}, { rules, pins });
    await expectRefused(bench, "away", "source-place");
    expect(other.seen).toEqual([]);
    using wider = benchOf(there.port, { rules: ["feed", "other"] }, { rules, pins });
    expect(await wider.ask({ source: "feed", params: { name: "away" } })).toMatchObject({ code: 200 });
  });

  test("more than three times: refused, and three are followed", async () => {
    await using there = await host((response, { url }) => {
      const left = Number(/\d+$/.exec(url)?.[0]);
      response.writeHead(302, { location: left > 1 ? `/feed/away-${left - 1}` : "/feed/good" }).end();
    });
    using bench = benchOf(there.port);
    await expectRefused(bench, "away-4", "source-redirect");
    expect(await bench.ask({ source: "feed", params: { name: "away-3" } })).toMatchObject({ code: 200 });
  });
});

describe("where it leads", () => {
  test.each([
    ["a private address", ["192.168.1.1"]],
    ["loopback", ["127.0.0.1"]],
    ["the metadata service", ["169.254.169.254"]],
    ["an IPv4 address in an IPv6 one", ["::ffff:127.0.0.1"]],
  ])("a name that stands for %s is not dialed", async (_, addresses) => {
    await using there = await host(() => undefined);
    using bench = benchOf(there.port, {}, { pins: [], resolve: async () => addresses });
    expect(await bench.ask(GOOD)).toMatchObject({ reason: "address-denied" });
    expect(there.seen).toEqual([]);
    using pinned = benchOf(there.port);
    expect(await pinned.ask(GOOD)).toMatchObject({ code: 200 });
  });

  test("a certificate of another name, or of nobody we trust, is not spoken to", async () => {
    await using wrong = await upstream((response) => json(response, { text: "x" }), OTHER);
    using bench = benchOf(wrong.port);
    expect(await bench.ask(GOOD)).toMatchObject({ reason: "upstream-unreachable" });
    await using there = await host(() => undefined);
    using strange = benchOf(there.port, {}, { certificates: [] });
    expect(await strange.ask(GOOD)).toMatchObject({ reason: "upstream-unreachable" });
    expect([...wrong.seen, ...there.seen]).toEqual([]);
    using trusted = benchOf(there.port);
    expect(await trusted.ask(GOOD)).toMatchObject({ code: 200 });
  });

  test("a name that nobody knows is said to be unresolved", async () => {
    const unknown = Object.assign(new Error("no such name"), { code: "ENOTFOUND" });
    using bench = benchOf(443, {}, { pins: [], resolve: () => Promise.reject(unknown) });
    expect(await bench.ask(GOOD)).toMatchObject({ reason: "name-unresolved" });
  });
});

describe("what comes back", () => {
  const LONG = JSON.stringify({ text: "x".repeat(30_000) });

  test.each<[string, string, (response: ServerResponse) => void]>([
    [
      "is longer than it says it may be",
      "source-too-long",
      (response) => json(response, { text: "x".repeat(30_000) }),
    ],
    [
      "is longer without saying so",
      "source-too-long",
      (response) =>
        void response.writeHead(200, { "content-type": "application/json" }).write(LONG, () => response.end()),
    ],
    [
      "unpacks to more than is taken",
      "source-too-long",
      (response) =>
        response
          .writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" })
          .end(gzipSync(JSON.stringify({ text: " ".repeat(2_000_000) }))),
    ],
    [
      "is packed in a way nobody asked for",
      "source-encoding",
      (response) => json(response, {}, { "content-encoding": "br" }),
    ],
    [
      "is not packed as it says",
      "source-encoding",
      (response) => json(response, { text: "x" }, { "content-encoding": "gzip" }),
    ],
    ["is of another type", "source-type", (response) => json(response, {}, { "content-type": "application/pdf" })],
    ["is of no type", "source-type", (response) => response.writeHead(200).end("{}")],
    ["is empty", "source-empty", (response) => response.writeHead(200, { "content-type": "application/json" }).end()],
    ["is an error", "source-status", (response) => response.writeHead(500).end()],
    ["is unchanged, which nobody asked", "source-status", (response) => response.writeHead(304).end()],
    ["is of another form", "source-unreadable", (response) => json(response, { words: "x" })],
    [
      "is no JSON",
      "source-unreadable",
      (response) => response.writeHead(200, { "content-type": "application/json" }).end("<html>"),
    ],
    [
      "breaks off",
      "source-broken-off",
      (response) =>
        void response
          .writeHead(200, { "content-type": "application/json", "content-length": "100" })
          .write('{"text":', () => response.destroy()),
    ],
  ])("what %s is refused, and nothing of it stays", async (_, reason, answer) => {
    await using there = await host(answer);
    using bench = benchOf(there.port);
    await expectRefused(bench, "bad", reason);
    expect(bench.files().filter((name) => !/^(?:text|kept)\//.test(name))).toEqual([]);
    expect(bench.files()).toHaveLength(2);
  });

  test("packed by gzip within the bounds is taken", async () => {
    await using there = await host((response) =>
      response
        .writeHead(200, { "content-type": "application/json; charset=utf-8", "content-encoding": "gzip" })
        .end(gzipSync(JSON.stringify({ text: "packed" }))),
    );
    using bench = benchOf(there.port);
    expect((await bench.ask({ source: "feed", params: { name: "packed" } })).text).toContain("| packed");
  });

  test("what drips is cut off by the clock, however steadily it drips", async () => {
    await using there = await host((response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const timer = setInterval(() => response.write(" "), 20);
      response.once("close", () => clearInterval(timer));
    });
    using bench = benchOf(there.port, { limits: { wireBytesMax: 20_000, bytesMax: 20_000, timeMs: 600 } });
    expect(await bench.ask({ source: "feed", params: { name: "bad" } })).toMatchObject({ reason: "source-too-slow" });
    expect(await bench.ask(GOOD)).toMatchObject({ code: 200 });
  });

  test("headers without end are not waited for", async () => {
    await using there = await rawHost((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n");
      socket.write(`x: ${"y".repeat(40_000)}\r\n`);
    });
    using bench = benchOf(there.port);
    expect(await bench.ask(GOOD)).toMatchObject({ reason: "upstream-unreachable" });
  });

  test("a host that sends fewer bytes than it said has broken off; of one that sends more, no more is read", async () => {
    const sends = (length: number, body: string) =>
      rawHost((socket) => {
        socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`);
      });
    await using fewer = await sends(100, '{"text":"a"}');
    using bench = benchOf(fewer.port);
    expect(await bench.ask(GOOD)).toMatchObject({ reason: "source-broken-off" });
    await using more = await sends(12, '{"text":"a"}garbage after it');
    using other = benchOf(more.port);
    const { reason, text } = await other.ask(GOOD);
    expect(["ok", "source-broken-off"]).toContain(reason);
    expect(text).not.toContain("garbage");
    await using just = await sends(12, '{"text":"a"}');
    using third = benchOf(just.port);
    expect((await third.ask(GOOD)).text).toContain("| a");
  });
});

/** A host that speaks for itself once it was asked something. */
async function rawHost(answer: (socket: TLSSocket) => void) {
  const server = createTlsServer(TLS, (socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
