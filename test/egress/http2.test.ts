import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { createServer } from "node:tls";
import { describe, expect, test } from "vitest";
import { keptConnections } from "../../src/egress/connections.ts";
import { dial } from "../../src/egress/upstream.ts";
import { type FlowBenchOptions, flowBench } from "../support/flowBench.ts";
import { type Http2Host, http2Host } from "../support/http2Host.ts";
import { type Field, sayHttp2 } from "../support/rawHttp2.ts";
import { selfSigned } from "../support/selfSigned.ts";
import { staying } from "../support/staying.ts";
import { askHttp2, http1In, http2In, openTunnel, tlsIn } from "../support/tunnel.ts";
import { HOST } from "../support/tunnelBed.ts";

const pair = selfSigned(HOST);
const pins = [{ host: HOST, address: "127.0.0.1" }];
type Answer = Parameters<typeof http2Host>[0];
const answered: Answer = (response) => void response.writeHead(200, { etag: "e" }).end("answer");

async function bed(over: Record<string, unknown> = {}, answer = answered, options: FlowBenchOptions = {}) {
  const host = await http2Host(answer, pair);
  const rule = {
    id: "one",
    host: HOST,
    port: host.port,
    methods: ["GET", "POST"],
    paths: ["/v1/{id}"],
    requestBytesMax: 10_000,
    http2: true,
    ...over,
  };
  const bench = await flowBench({ rules: [rule], pins, certificates: [pair.cert], ...options });
  return { host, bench, place: `${HOST}:${host.port}`, [Symbol.asyncDispose]: async () => ended(bench, host) };
}

async function ended(bench: AsyncDisposable, host: Http2Host) {
  await bench[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
}

describe("HTTP/2 is agreed on with a host that offers it, where the rule says so", () => {
  test("whatever the guest speaks, and what goes out is made anew", async () => {
    await using the = await bed({ inject: { header: "x-key", secretEnv: "KEY" } }, answered, {
      secrets: { KEY: "ours" },
    });
    const { bench, place } = the;
    const odd = { "x-odd": "1", accept: "a/b" };
    const pseudo = { ":method": "POST", ":path": "/v1/plain", ":authority": place };
    expect(await bench.shim.ask({ ...odd, ...pseudo }, "{}")).toMatchObject({ status: 200, text: "answer" });
    const ca = await bench.certificate();
    const http1 = http1In(await tlsIn(await openTunnel(bench, place), HOST, { ca, ALPNProtocols: ["http/1.1"] }));
    const chunked = { ...odd, host: place, "transfer-encoding": "chunked" };
    expect(await http1({ method: "POST", path: "/v1/one", headers: chunked, body: "{}" })).toMatchObject({
      status: 200,
    });
    const session = http2In(
      await tlsIn(await openTunnel(bench, place), HOST, { ca, ALPNProtocols: ["h2"] }),
      `https://${place}`,
    );
    expect(await askHttp2(session, { ...odd, ":method": "POST", ":path": "/v1/two" }, "{}")).toMatchObject({
      status: 200,
      headers: { etag: "e" },
    });
    session.destroy();
    expect(the.host.seen.map(({ version, url }) => [version, url])).toEqual([
      ["2.0", "/v1/plain"],
      ["2.0", "/v1/one"],
      ["2.0", "/v1/two"],
    ]);
    for (const { headers, body, serverName } of the.host.seen) {
      expect(headers).toMatchObject({ ":authority": place, ":scheme": "https", accept: "a/b", "x-key": "ours" });
      expect(headers).toMatchObject({ "content-length": "2" });
      expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(["x-odd"]));
      expect(headers.host ?? place).toBe(place);
      expect([body, serverName]).toEqual(["{}", HOST]);
    }
  });

  test.each([
    ["a rule that does not say so", { http2: false }, "1.1"],
    ["a rule that does", {}, "2.0"],
  ])("%s", async (_, over, version) => {
    await using the = await bed(over);
    expect(await the.bench.shim.ask({ ":authority": the.place, ":path": "/v1/7" })).toMatchObject({ status: 200 });
    expect(the.host.seen.map((one) => one.version)).toEqual([version]);
  });

  test("two rules of one host that differ in it do not share a connection", async () => {
    await using host = await http2Host(answered, pair);
    const common = { host: HOST, port: host.port, methods: ["GET"] };
    const rules = [
      { ...common, id: "new", paths: ["/v2/{id}"], http2: true },
      { ...common, id: "old", paths: ["/v1/{id}"] },
    ];
    await using bench = await flowBench({ rules, pins, certificates: [pair.cert] });
    for (const path of ["/v2/7", "/v1/7", "/v2/8"]) {
      expect(await bench.shim.ask({ ":authority": `${HOST}:${host.port}`, ":path": path })).toMatchObject({
        status: 200,
      });
    }
    expect(host.seen.map(({ version, connection }) => [version, connection])).toEqual([
      ["2.0", 0],
      ["1.1", 1],
      ["2.0", 0],
    ]);
  });

  test("a certificate for another name is no answer there either", async () => {
    const other = selfSigned("other.example");
    await using host = await http2Host(answered, other);
    const connections = keptConnections([other.cert]);
    const to = {
      scheme: "https",
      port: host.port,
      address: "127.0.0.1",
      isHttp2: true,
      method: "GET",
      path: "/",
    } as const;
    const rest = { headers: {}, body: Buffer.alloc(0), deadlineMs: 10_000 };
    const ask = (name: string) => dial({ ...to, ...rest, host: name }, staying, connections);
    expect(await ask(HOST)).toMatchObject({ status: "failed", detail: "ERR_TLS_CERT_ALTNAME_INVALID" });
    const right = await ask("other.example");
    if (right.status === "failed") throw new Error(right.detail);
    expect(await text(right.response.body())).toBe("answer");
    expect(host.seen).toHaveLength(1);
    await connections.end();
  });
});

describe("a host that misbehaves over HTTP/2 is refused, and the next request is answered", () => {
  test.each<[string, Answer, string]>([
    ["resets the stream", (response) => response.stream.close(2), "upstream-unreachable"],
    ["ends the session", (response) => response.stream.session?.destroy(), "upstream-unreachable"],
    [
      "breaks off its answer",
      (response) => void (response.write("half"), setImmediate(() => response.stream.close(2))),
      "upstream-broken",
    ],
    ["answers too much", (response) => void response.end("a".repeat(10_001)), "response-too-long"],
    [
      "answers with another type",
      (response) => void response.writeHead(200, { "content-type": "text/html" }).end("x"),
      "response-type-not-listed",
    ],
  ])("it %s", async (_, answer, reason) => {
    const over = { responseTypes: ["text/plain"] };
    const typed: Answer = (response, seen) => {
      response.setHeader("content-type", "text/plain");
      if (seen.url === "/v1/odd") answer(response, seen);
      else response.end("good");
    };
    await using the = await bed(over, typed);
    const ask = (path: string) => the.bench.shim.ask({ ":authority": the.place, ":path": path });
    await ask("/v1/odd");
    expect(await ask("/v1/7")).toMatchObject({ status: 200, text: "good" });
    const reasons = the.bench
      .log()
      .filter(({ event }) => event === "close")
      .map((line) => String(line["reason"]));
    expect(reasons).toEqual([expect.stringContaining(reason), "ok"]);
  });

  test("its first answer counts, and a head that is no last one is passed over", async () => {
    await using the = await bed({}, (response) => {
      response.stream.additionalHeaders({ ":status": 103, link: "</x>" });
      response.end("answer");
    });
    const reply = await the.bench.shim.ask({ ":authority": the.place, ":path": "/v1/7" });
    expect(reply).toMatchObject({ status: 200, text: "answer" });
  });

  test("one that never answers is given up on when the guest leaves", async () => {
    await using the = await bed({}, () => undefined);
    const stream = the.bench.shim.session.request({ ":authority": the.place, ":path": "/v1/7" });
    stream.on("error", () => undefined);
    await expect.poll(() => the.host.seen.length).toBe(1);
    stream.close(8);
    await expect.poll(() => the.bench.log().length).toBe(2);
  });
});

describe("from HTTP/2 inside to HTTP/1.1 outside, one request stays one", () => {
  const inner = "GET /v1/evil HTTP/1.1\r\nhost: evil.example\r\n\r\n";
  const ok: Field[] = [
    [":method", "POST"],
    [":scheme", "https"],
    [":path", "/v1/7"],
  ];
  const over = (name: string, value: string): Field[] =>
    ok.map((field) => (field[0] === name ? [name, value] : field));
  test.each<[string, Field[], string | null]>([
    ["a coding of the hop", [...ok, ["transfer-encoding", "chunked"]], `0\r\n\r\n${inner}`],
    ["a length that is too short", [...ok, ["content-length", "2"]], `{}${inner}`],
    ["a length that is too long", [...ok, ["content-length", "900"]], "{}"],
    ["two lengths", [...ok, ["content-length", "2"], ["content-length", "90"]], "{}"],
    ["a line end in a value", [...ok, ["accept", `a\r\nx-evil: 1\r\n\r\n${inner}`]], "{}"],
    ["a bare line feed in a value", [...ok, ["accept", "a\nx-evil: 1"]], "{}"],
    ["a NUL in a value", [...ok, ["accept", "a\0evil"]], "{}"],
    ["a line end in a name", [...ok, ["accept\r\nx-evil", "1"]], "{}"],
    ["a colon in a name", [...ok, ["accept: evil\r\nx", "1"]], "{}"],
    ["a name in capitals", [...ok, ["X-Evil", "1"]], "{}"],
    ["a request in the path", over(":path", `/v1/7 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n${inner}`), null],
    ["a space in the path", over(":path", "/v1/7 evil"), null],
    ["a request in the method", over(":method", `GET /v1/evil HTTP/1.1\r\n\r\nPOST`), "{}"],
    ["a line end in the scheme", over(":scheme", "https\r\nx-evil: 1"), "{}"],
    ["two paths", [...ok, [":path", "/v1/evil"]], "{}"],
    ["a pseudo-header behind the others", [...ok, ["accept", "a/b"], [":authority", "evil.example"]], "{}"],
    ["a pseudo-header of nobody's", [...ok, [":evil", "1"]], "{}"],
    ["another Host", [...ok, ["host", "evil.example"]], "{}"],
    ["headers of the hop", [...ok, ["connection", "upgrade"], ["upgrade", "evil"]], "{}"],
    ["an expectation", [...ok, ["expect", "100-continue"]], "{}"],
  ])("%s", async (_, fields, body) => {
    let bytes = "";
    const server = createServer({ ...pair, ALPNProtocols: ["http/1.1"] }, (socket) => {
      socket
        .on("error", () => undefined)
        .on("data", (chunk: Buffer) => {
          bytes += chunk.toString("latin1");
          if (/\r\n\r\n(?:\{\})?$/.test(bytes)) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const rule = {
      id: "one",
      host: HOST,
      port,
      methods: ["GET", "POST"],
      paths: ["/v1/{id}"],
      requestBytesMax: 1_000,
    };
    await using bench = await flowBench({ rules: [rule], pins, certificates: [pair.cert] });
    const place = `${HOST}:${port}`;
    const ca = await bench.certificate();
    const inside = async () => tlsIn(await openTunnel(bench, place), HOST, { ca, ALPNProtocols: ["h2"] });
    const named = fields.some(([name]) => name === ":authority")
      ? fields
      : [[":authority", place] as Field, ...fields];
    const odd = await inside();
    await sayHttp2(odd, named, body);
    odd.destroy();
    const session = http2In(await inside(), `https://${place}`);
    const good = await askHttp2(session, { ":method": "GET", ":path": "/v1/good" });
    expect(good).toMatchObject({ status: 200, text: "ok" });
    session.destroy();
    expect(bytes).not.toMatch(/evil/i);
    // What was taken went out as one request, of the length that it says.
    expect(bytes.split(/(?=(?:GET|POST) \/)/).map((one) => one.split(" HTTP/1.1", 1)[0])).toEqual([
      ...(bytes.startsWith("POST") ? ["POST /v1/7"] : []),
      "GET /v1/good",
    ]);
    server.close();
  });
});
