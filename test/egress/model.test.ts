import { once } from "node:events";
import { describe, expect, test } from "vitest";
import type { ModelRelay } from "../../src/egress/messages.ts";
import { flowBench } from "../support/flowBench.ts";
import { upstream } from "../support/upstream.ts";

const KEY = ["not", "a", "real", "key"].join("-");
const CALL = { ":method": "POST", ":authority": "model.weakdoor.internal" };
const BODY = JSON.stringify({ model: "m-1", max_tokens: 100, messages: [{ role: "user", content: "hello" }] });

function relay(port: number, over: Partial<ModelRelay> = {}): ModelRelay {
  return {
    kind: "anthropic",
    baseUrl: `http://127.0.0.1:${port}`,
    key: KEY,
    models: ["m-1"],
    tokensMax: 1_000,
    ...over,
  };
}

describe("the model relay", () => {
  test.each([
    ["anthropic", "/v1/messages", "", "/v1/messages"],
    ["anthropic", "/v1/messages", "/v1", "/v1/messages"],
    ["openai", "/v1/chat/completions", "/v1/", "/v1/chat/completions"],
    ["openai", "/v1/chat/completions", "/compatible/v1", "/compatible/v1/chat/completions"],
  ] as const)("%s %s at a base of %j adds the key, and drops the guest's own", async (kind, path, base, asked) => {
    await using host = await upstream((response) => {
      response.writeHead(200, { "content-type": "application/json", "x-secret": "y" }).end('{"usage":{}}');
    });
    const model = relay(host.port, { kind, baseUrl: `http://127.0.0.1:${host.port}${base}` });
    await using bench = await flowBench({ model });
    const headers = { authorization: "Bearer guest", "x-api-key": "guest", "anthropic-beta": "mcp-client" };
    const reply = await bench.shim.ask({ ...CALL, ...headers, ":path": path }, BODY);
    expect(reply).toMatchObject({ status: 200, text: '{"usage":{}}' });
    expect(reply.headers).not.toHaveProperty("x-secret");
    const seen = host.seen[0];
    expect(seen).toMatchObject({ method: "POST", url: asked, body: BODY });
    expect([seen?.headers.authorization, seen?.headers["x-api-key"]]).toEqual(
      kind === "openai" ? [`Bearer ${KEY}`, undefined] : [undefined, KEY],
    );
    expect(JSON.stringify(seen?.headers)).not.toMatch(/guest|mcp-client/);
    expect(JSON.stringify(bench.log())).not.toContain(KEY);
    expect(bench.log()[0]).toMatchObject({ verdict: "internal", authority: "model.weakdoor.internal" });
  });

  test("streams as it comes", async () => {
    let send: (text: string | null) => void = () => undefined;
    await using host = await upstream((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      send = (text) => void (text === null ? response.end() : response.write(text));
      send("data: 1\n\n");
    });
    await using bench = await flowBench({ model: relay(host.port) });
    const stream = bench.shim.session.request({ ...CALL, ":path": "/v1/messages" });
    stream.end(JSON.stringify({ ...JSON.parse(BODY), stream: true }));
    stream.setEncoding("utf8");
    expect(await once(stream, "data")).toEqual(["data: 1\n\n"]);
    send("data: 2\n\n");
    expect(await once(stream, "data")).toEqual(["data: 2\n\n"]);
    send(null);
    await once(stream, "end");
  });

  test("refuses what the check refuses, in words an SDK shows and does not try again for", async () => {
    await using host = await upstream((response) => response.end());
    await using bench = await flowBench({ model: relay(host.port) });
    const tools = [{ type: "web_search_20250305", name: "web_search" }];
    const reply = await bench.shim.ask(
      { ...CALL, ":path": "/v1/messages" },
      JSON.stringify({ ...JSON.parse(BODY), tools }),
    );
    expect(reply.status).toBe(403);
    expect(JSON.parse(reply.text)).toMatchObject({
      error: { message: expect.stringMatching(/a tool that/) as string },
    });
    expect(reply.headers["x-should-retry"]).toBe("false");
    for (const path of ["/v1/files", "/v1/messages?beta=true", "/v1/responses", "/v1/messages/batches"]) {
      expect((await bench.shim.ask({ ...CALL, ":path": path }, BODY)).status).toBe(404);
    }
    expect((await bench.shim.ask({ ...CALL, ":method": "GET", ":path": "/v1/messages" })).status).toBe(404);
    expect((await bench.shim.ask({ ...CALL, ":path": "/v1/messages" }, "{")).status).toBe(403);
    expect(host.seen).toEqual([]);
  });

  test("counts what calls cost, and over the budget makes none", async () => {
    let cost = 300;
    await using host = await upstream((response) => {
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ usage: { input_tokens: cost, output_tokens: 0 } }));
    });
    await using bench = await flowBench({ model: relay(host.port) });
    const ask = () => bench.shim.ask({ ...CALL, ":path": "/v1/messages" }, BODY);
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await ask()).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    cost = 0;
    expect(JSON.parse((await ask()).text)).toMatchObject({
      error: { message: expect.stringMatching(/token budget/) as string },
    });
    expect(host.seen).toHaveLength(3);
  });

  test("an answer that does not say what it cost costs all that was reserved, a failed one nothing", async () => {
    let code = 500;
    await using host = await upstream((response) => response.writeHead(code).end("{}"));
    await using bench = await flowBench({ model: relay(host.port, { tokensMax: 500 }) });
    const ask = async () => (await bench.shim.ask({ ...CALL, ":path": "/v1/messages" }, BODY)).status;
    expect([await ask(), await ask(), await ask(), await ask()]).toEqual([500, 500, 500, 500]);
    code = 200;
    expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 429]);
  });

  test("a guest that leaves does not get the call for nothing", async () => {
    await using host = await upstream(() => undefined);
    await using bench = await flowBench({ model: relay(host.port, { tokensMax: 300 }) });
    const stream = bench.shim.session.request({ ...CALL, ":path": "/v1/messages" });
    stream.end(BODY);
    await expect.poll(() => host.seen.length).toBe(1);
    stream.close();
    await expect.poll(() => bench.log().length).toBe(2);
    expect((await bench.shim.ask({ ...CALL, ":path": "/v1/messages" }, BODY)).status).toBe(429);
  });

  test("a server that is not there is 502, and none configured is 503", async () => {
    const gone = await upstream(() => undefined);
    await gone[Symbol.asyncDispose]();
    await using lost = await flowBench({ model: relay(gone.port) });
    expect((await lost.shim.ask({ ...CALL, ":path": "/v1/messages" }, BODY)).status).toBe(502);
    await using none = await flowBench({});
    const reply = await none.shim.ask({ ...CALL, ":path": "/v1/messages" }, BODY);
    expect(reply.status).toBe(503);
    expect(reply.text).toContain("no model is configured");
  });
});
