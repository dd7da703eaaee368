import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import Anthropic, { APIError as AnthropicError } from "@anthropic-ai/sdk";
import OpenAI, { APIError as OpenAIError } from "openai";
import { describe, expect, test } from "vitest";
import type { ModelRelay } from "../../src/egress/messages.ts";
import { type FlowBench, flowBench } from "../support/flowBench.ts";
import { eventsOf, faultOfStreamRequest, type StreamPath } from "../support/modelStreams.ts";
import { fetchThrough } from "../support/shimFetch.ts";
import { type Upstream, upstream } from "../support/upstream.ts";

/** Both vendors' SDKs in the place of the researcher, against servers that stream as the vendors document it. */
const KEY = ["a", "key", "that", "only", "the", "gateway", "has"].join("-");
const WORDS = ["It ", "holds", ", I ", "think."];
const PRICES = { "m-1": { inputPerMTok: 3, outputPerMTok: 15 } };
const ASK = { role: "user", content: "hello" } as const;

type Hand = (response: ServerResponse, events: readonly string[]) => void | Promise<void>;

const inPieces: Hand = async (response, events) => {
  for (const event of events) {
    // In two pieces each, so that no event comes whole.
    response.write(event.slice(0, 9));
    await sleep(1);
    response.write(event.slice(9));
  }
  response.end();
};

/** A vendor that takes only what the vendor takes. */
function vendor(hand: Hand, words = WORDS): Promise<Upstream> {
  return upstream((response, { url, headers, body }) => {
    const fault = faultOfStreamRequest(url, body);
    const isKnown = [headers["x-api-key"], headers.authorization].join().includes(KEY);
    if (fault !== undefined || !isKnown)
      return void response.writeHead(400).end(JSON.stringify({ error: { message: fault ?? "no key" } }));
    response.writeHead(200, { "content-type": "text/event-stream" });
    void hand(response, eventsOf(url as StreamPath, words));
  });
}

function bench(host: Upstream, path: StreamPath, over: Partial<ModelRelay> = {}): Promise<FlowBench> {
  const kind = path === "/v1/messages" ? "anthropic" : "openai";
  const money = { max: 1, currency: "USD", prices: PRICES };
  return flowBench({
    model: {
      kind,
      baseUrl: `http://127.0.0.1:${host.port}`,
      key: KEY,
      models: ["m-1"],
      tokensMax: 5_000,
      money,
      ...over,
    },
  });
}

/** What the SDK makes of it, piece by piece. */
async function say(path: StreamPath, { shim }: FlowBench, pieces: string[] = []): Promise<string[]> {
  const options = { apiKey: "added-by-the-gateway", fetch: fetchThrough(shim), maxRetries: 0 };
  if (path === "/v1/messages") {
    const client = new Anthropic({ ...options, baseURL: "http://model.weakdoor.internal" });
    const stream = client.messages.stream({ model: "m-1", max_tokens: 100, messages: [ASK] });
    stream.on("text", (text) => pieces.push(text));
    await stream.finalMessage();
    return pieces;
  }
  const client = new OpenAI({ ...options, baseURL: "http://model.weakdoor.internal/v1" });
  if (path === "/v1/responses") {
    const stream = await client.responses.create({
      model: "m-1",
      max_output_tokens: 100,
      input: "hello",
      stream: true,
    });
    for await (const event of stream) if (event.type === "response.output_text.delta") pieces.push(event.delta);
    return pieces;
  }
  const stream = await client.chat.completions.create({
    model: "m-1",
    max_completion_tokens: 100,
    messages: [ASK],
    stream: true,
  });
  for await (const chunk of stream) {
    const text = chunk.choices[0]?.delta.content ?? "";
    if (text !== "") pieces.push(text);
  }
  return pieces;
}

function spent({ told }: FlowBench) {
  return told.flatMap((message) => (message.type === "spent" ? [message.spend] : [])).at(-1);
}

const PATHS: StreamPath[] = ["/v1/messages", "/v1/chat/completions", "/v1/responses"];

describe.each(PATHS)("a stream of %s", (path) => {
  test("comes to the SDK word by word, and is settled by what its end says", async () => {
    await using host = await vendor(inPieces);
    await using gateway = await bench(host, path);
    expect(await say(path, gateway)).toEqual(WORDS);
    const micros = 10 * 3 + WORDS.length * 15;
    await expect
      .poll(() => spent(gateway))
      .toEqual({
        calls: 1,
        unsaid: 0,
        inputTokens: 10,
        outputTokens: WORDS.length,
        tokens: 10 + WORDS.length,
        tokensMax: 5_000,
        money: { spent: micros / 1_000_000, max: 1, currency: "USD" },
      });
  });

  test("that the vendor breaks off is an error to the SDK, and costs all that was reserved", async () => {
    await using host = await vendor(async (response, events) => {
      for (const event of events.slice(0, 5)) response.write(event);
      await sleep(20);
      response.destroy();
    });
    await using gateway = await bench(host, path);
    const pieces: string[] = [];
    await expect(say(path, gateway, pieces)).rejects.toBeInstanceOf(Error);
    expect(WORDS.join("").startsWith(pieces.join(""))).toBe(true);
    await expect.poll(() => spent(gateway)).toMatchObject({ calls: 1, unsaid: 1, inputTokens: 0, outputTokens: 0 });
    // The text of the request, and the hundred tokens of the answer.
    expect(spent(gateway)?.tokens).toBeGreaterThan(150);
    expect(spent(gateway)?.money?.spent).toBeGreaterThan(100 * 15e-6);
    await expect.poll(() => gateway.log().at(-1)).toMatchObject({ closedBy: "upstream", reason: "upstream-broken" });
  });

  test("that sends our key back is cut before the key, and rings", async () => {
    await using host = await vendor(inPieces, ["your key is ", KEY, ", is it not?"]);
    await using gateway = await bench(host, path);
    const pieces: string[] = [];
    await expect(say(path, gateway, pieces)).rejects.toBeInstanceOf(Error);
    expect(pieces.join("")).not.toContain(KEY.slice(0, 12));
    expect(gateway.echoes).toEqual(["wd-lab body"]);
    await expect.poll(() => spent(gateway)).toMatchObject({ calls: 1, unsaid: 1 });
  });

  test.each([429, 503, 529])(
    "that is refused with %i is that to the SDK, with the time to come again, and costs nothing",
    async (code) => {
      await using host = await upstream((response) => {
        const body = { type: "error", error: { type: "overloaded_error", message: "not now" } };
        response
          .writeHead(code, { "content-type": "application/json", "retry-after": "7" })
          .end(JSON.stringify(body));
      });
      await using gateway = await bench(host, path);
      const thrown: unknown = await say(path, gateway).catch((error: unknown) => error);
      expect(thrown instanceof AnthropicError || thrown instanceof OpenAIError).toBe(true);
      expect(thrown).toMatchObject({ status: code, message: expect.stringContaining("not now") as string });
      expect((thrown as AnthropicError).headers?.get("retry-after")).toBe("7");
      expect(spent(gateway)).toMatchObject({ calls: 0, unsaid: 0, tokens: 0, money: { spent: 0 } });
    },
  );
});

const BODY = JSON.stringify({ model: "m-1", max_tokens: 100, messages: [ASK] });
const CALL = { ":method": "POST", ":authority": "model.weakdoor.internal", ":path": "/v1/messages" };

describe("the key", () => {
  test.each([
    ["in a header", 200, { "request-id": `x-${KEY}` }, "{}"],
    [
      "in the words of a refusal",
      401,
      {},
      JSON.stringify({ error: { message: `Incorrect API key: ${KEY.slice(0, 12)}…` } }),
    ],
  ])("%s of the answer stays out", async (_, code, headers, body) => {
    await using host = await upstream((response) => response.writeHead(code, headers).end(body));
    await using gateway = await bench(host, "/v1/messages");
    const reply = await gateway.shim.ask(CALL, BODY);
    expect(reply.status).toBe(code === 401 ? 401 : 502);
    expect(JSON.stringify(reply)).not.toContain(KEY.slice(0, 12));
    expect(JSON.parse(reply.text)).toMatchObject({ error: { type: "refused_by_gateway" } });
    expect(gateway.echoes).toEqual(code === 401 ? [] : ["wd-lab headers"]);
  });

  test("in an answer that was compressed unasked stays out, with all of it", async () => {
    await using host = await upstream((response) => response.writeHead(200, { "content-encoding": "gzip" }).end("x"));
    await using gateway = await bench(host, "/v1/messages");
    expect((await gateway.shim.ask(CALL, BODY)).status).toBe(502);
  });
});

describe("money", () => {
  const asPriced = (max: number) => ({ money: { max, currency: "EUR", prices: PRICES }, tokensMax: 1_000_000 });

  test("calls made at once never cost more than there is together", async () => {
    const waiting: (() => void)[] = [];
    await using host = await upstream((response) => {
      waiting.push(() => response.end(JSON.stringify({ usage: { input_tokens: 80, output_tokens: 100 } })));
    });
    const each = (BODY.length * 3 + 100 * 15) / 1_000_000;
    await using gateway = await bench(host, "/v1/messages", asPriced(3.5 * each));
    const asked = Array.from({ length: 10 }, () => gateway.shim.ask(CALL, BODY));
    await expect.poll(() => waiting.length).toBe(3);
    for (const answer of waiting) answer();
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(3);
    expect(statuses.filter((status) => status === 429)).toHaveLength(7);
    const { money } = spent(gateway) ?? {};
    expect(money?.spent).toBeCloseTo((3 * (80 * 3 + 100 * 15)) / 1_000_000, 9);
    expect(money?.spent).toBeLessThanOrEqual(money?.max ?? 0);
  });

  test("that is used up is said in a sentence of its own", async () => {
    await using host = await upstream((response) => response.end("{}"));
    await using gateway = await bench(host, "/v1/messages", asPriced(0.000_1));
    const reply = await gateway.shim.ask(CALL, BODY);
    expect(reply.status).toBe(429);
    expect(JSON.parse(reply.text)).toMatchObject({
      error: { message: "the money budget of this cycle does not cover this request" },
    });
    expect(host.seen).toEqual([]);
  });
});
