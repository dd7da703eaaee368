import { describe, expect, test } from "vitest";
import { flowBench } from "../support/flowBench.ts";
import { upstream } from "../support/upstream.ts";

const HOST = "api.example";
const pins = [{ host: HOST, address: "127.0.0.1" }];

function rule(port: number, over: Record<string, unknown> = {}) {
  return { id: "one", host: HOST, port, scheme: "http", methods: ["GET", "POST", "HEAD"], paths: ["/**"], ...over };
}

function to(port: number, path = "/v1/x", over: Record<string, string> = {}) {
  return { ":authority": `${HOST}:${port}`, ":path": path, ...over };
}

describe("types of content", () => {
  test("a body of a type that the rule does not name stays inside, and one of a type that it names goes out", async () => {
    await using host = await upstream((response) => response.end("ok"));
    const only = rule(host.port, { requestBytesMax: 100, contentTypes: ["application/json"] });
    await using bench = await flowBench({ rules: [only], pins });
    const post = { ":method": "POST" };
    const json = { ...post, "content-type": "application/json; charset=utf-8" };
    const typed = { ...post, "content-type": "text/plain" };
    expect((await bench.shim.ask(to(host.port, "/a", typed), "{}")).status).toBe(415);
    expect((await bench.shim.ask(to(host.port, "/b", post), "{}")).status).toBe(415);
    expect((await bench.shim.ask(to(host.port, "/c"), "{}")).status).toBe(415);
    expect(host.seen).toEqual([]);
    expect((await bench.shim.ask(to(host.port, "/d", json), "{}")).status).toBe(200);
    expect((await bench.shim.ask(to(host.port, "/e", post))).status).toBe(200);
    expect((await bench.shim.ask(to(host.port, "/f"))).status).toBe(200);
    const reasons = bench.log().flatMap(({ event, reason }) => (event === "open" ? [reason] : []));
    expect(reasons.slice(0, 3)).toEqual(Array<string>(3).fill("content-type-not-listed"));
  });

  test("an answer of a type that the rule does not name stays outside, with or without a word of its type", async () => {
    await using host = await upstream((response, { url }) => {
      const type = { "/json": "application/json", "/html": "text/html" }[url];
      response.writeHead(url === "/empty" ? 204 : 200, type === undefined ? {} : { "content-type": type });
      response.end(url === "/empty" ? "" : "a secret place");
    });
    await using bench = await flowBench({ rules: [rule(host.port, { responseTypes: ["application/json"] })], pins });
    for (const path of ["/html", "/untyped"]) {
      const reply = await bench.shim.ask(to(host.port, path));
      expect(reply).toMatchObject({ status: 502, text: expect.stringMatching(/of a type that is not taken here/) });
      expect(bench.log().at(-1)).toMatchObject({ reason: "response-type-not-listed", dialed: "127.0.0.1" });
    }
    expect(await bench.shim.ask(to(host.port, "/json"))).toMatchObject({ status: 200, text: "a secret place" });
    expect((await bench.shim.ask(to(host.port, "/empty"))).status).toBe(204);
  });
});
