import { describe, expect, test } from "vitest";
import { flowBench } from "../../support/flowBench.ts";
import { selfSigned } from "../../support/selfSigned.ts";
import { askHttp2, http1In, http2In, openTunnel, tlsIn } from "../../support/tunnel.ts";
import { upstream } from "../../support/upstream.ts";

const HOST = "api.example";
const pins = [{ host: HOST, address: "127.0.0.1" }];
const pair = selfSigned(HOST);

function rule(port: number, over: Record<string, unknown> = {}) {
  return {
    id: "one",
    host: HOST,
    port,
    methods: ["GET", "POST"],
    paths: ["/v1/{id}"],
    requestBytesMax: 1_000,
    ...over,
  };
}

async function bed(over: Record<string, unknown> = {}) {
  const host = await upstream((response) => response.writeHead(200, { etag: "e" }).end("answer"), pair);
  const bench = await flowBench({ rules: [rule(host.port, over)], pins, certificates: [pair.cert] });
  const ca = await bench.certificate();
  const place = `${HOST}:${host.port}`;
  return {
    host,
    bench,
    place,
    ca,
    async tls(alpn: string) {
      return tlsIn(await openTunnel(bench, place), HOST, { ca, ALPNProtocols: [alpn] });
    },
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      await host[Symbol.asyncDispose]();
    },
  };
}

describe("what is in a terminated tunnel is decided request by request", () => {
  test("HTTP/1.1", async () => {
    await using the = await bed();
    const socket = await the.tls("http/1.1");
    expect(socket.alpnProtocol).toBe("http/1.1");
    expect(socket.authorized).toBe(true);
    const ask = http1In(socket);
    const headers = { host: the.place, authorization: "Bearer x" };
    expect(await ask({ path: "/v1/7", headers })).toMatchObject({ status: 200, text: "answer" });
    expect(await ask({ path: "/v2/7", headers })).toMatchObject({ status: 403 });
    const post = { method: "POST", path: "/v1/8", headers, body: "{}" };
    expect(await ask(post)).toMatchObject({ status: 200, text: "answer", headers: { etag: "e" } });
    expect(the.host.seen).toMatchObject([
      { method: "GET", url: "/v1/7", serverName: HOST, headers: { host: the.place } },
      { method: "POST", url: "/v1/8", body: "{}" },
    ]);
    expect(the.host.seen[0]?.headers).not.toHaveProperty("authorization");
    socket.destroy();
    await expect.poll(() => the.bench.log().length).toBe(8);
    expect(the.bench.log()).toMatchObject([
      { event: "open", flow: 0, method: "CONNECT", verdict: "allow", rule: "one", mode: "terminate", tunnel: null },
      { event: "open", flow: 1, method: "GET", verdict: "allow", mode: null, tunnel: 0, stripped: ["authorization"] },
      { event: "close", flow: 1, status: 200, dialed: "127.0.0.1", reason: "ok" },
      { event: "open", flow: 2, verdict: "deny", reason: "path-not-listed", tunnel: 0 },
      { event: "close", flow: 2, status: 403 },
      { event: "open", flow: 3, method: "POST", bytesUp: 2, tunnel: 0 },
      { event: "close", flow: 3, bytesDown: 6 },
      { event: "close", flow: 0, status: 200, closedBy: "guest", reason: "ok", dialed: null },
    ]);
  });

  test("HTTP/2", async () => {
    await using the = await bed();
    const session = http2In(await the.tls("h2"), `https://${the.place}`);
    const get = { ":method": "GET", ":path": "/v1/7" };
    expect(await askHttp2(session, get)).toMatchObject({ status: 200, text: "answer" });
    expect(await askHttp2(session, { ...get, ":path": "/v2/7" })).toMatchObject({ status: 403 });
    expect(await askHttp2(session, { ":method": "POST", ":path": "/v1/8" }, "{}")).toMatchObject({ status: 200 });
    expect(the.host.seen).toMatchObject([{ url: "/v1/7" }, { url: "/v1/8", body: "{}" }]);
    session.destroy();
    await expect.poll(() => the.bench.log().at(-1)).toMatchObject({ event: "close", flow: 0, reason: "ok" });
  });
});
