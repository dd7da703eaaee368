import { array, assert, constantFrom, integer, nat, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import { budgetOf, type Reservation } from "../../src/egress/budget.ts";
import { costOf, largestCost } from "../../src/egress/modelCost.ts";
import { usageReader } from "../../src/egress/modelUsage.ts";

const PRICE = { inputPerMTok: 3, outputPerMTok: 15, cachedInputPerMTok: 0.3 };

describe("what a call cost is read from its answer", () => {
  const sse = (...events: unknown[]) =>
    events.map((event) => `event: x\ndata: ${JSON.stringify(event)}\n\n`).join("");
  const begun = { type: "message_start", message: { usage: { input_tokens: 10, output_tokens: 1 } } };
  const grown = { type: "message_delta", usage: { output_tokens: 30 } };
  const chat = {
    choices: [],
    usage: { prompt_tokens: 30, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 20 } },
  };
  const response = { usage: { input_tokens: 30, output_tokens: 4, input_tokens_details: { cached_tokens: 20 } } };
  test.each([
    [
      false,
      JSON.stringify({
        usage: { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 7, cache_creation_input_tokens: 2 },
      }),
      { input: 10, cachedInput: 7, cacheWrite: 2, output: 5 },
    ],
    [
      false,
      JSON.stringify({ usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } }),
      { input: 10, cachedInput: 0, cacheWrite: 0, output: 5 },
    ],
    [true, sse(begun, grown, { type: "message_stop" }), { input: 10, cachedInput: 0, cacheWrite: 0, output: 30 }],
    [true, `${sse(chat)}data: [DONE]\n\n`, { input: 10, cachedInput: 20, cacheWrite: 0, output: 4 }],
    [true, sse({ type: "response.completed", response }), { input: 10, cachedInput: 20, cacheWrite: 0, output: 4 }],
    [true, sse({ type: "response.incomplete", response }), { input: 10, cachedInput: 20, cacheWrite: 0, output: 4 }],
  ])("streaming %s: %s costs %j", (isStreaming, text, usage) => {
    expect(read(isStreaming, text)).toEqual(usage);
  });

  test.each([
    ["a body that says nothing of it", false, JSON.stringify({ choices: [] })],
    ["a body that says it empty", false, JSON.stringify({ usage: {} })],
    ["a body that says half of it", false, JSON.stringify({ usage: { input_tokens: 10 } })],
    ["a body that says less than nothing", false, JSON.stringify({ usage: { input_tokens: -10, output_tokens: 0 } })],
    ["a body that is no JSON", false, "not json"],
    ["a body that breaks off", false, '{"usage":{"input_tokens":1,"output_tokens":1}'],
    ["a stream that breaks off after its first word", true, sse(begun)],
    ["a stream that breaks off before its last", true, sse(begun, grown)],
    ["a stream that ends in an error", true, sse(begun, { type: "error", error: { type: "overloaded_error" } })],
    ["a stream of chunks that breaks off after its usage", true, sse(chat)],
    ["a stream that never says it", true, "data: [DONE]\n\n"],
    ["a stream of broken events", true, 'data: {"usage": broken\n\ndata: [DONE]\n\n'],
  ])("%s has not said it", (_, isStreaming, text) => {
    expect(read(isStreaming, text)).toBeNull();
  });
});

function read(isStreaming: boolean, text: string) {
  const reader = usageReader(isStreaming);
  const bytes = Buffer.from(text);
  for (let i = 0; i < bytes.length; i += 7) reader.take(bytes.subarray(i, i + 7));
  return reader.usage();
}

describe("money", () => {
  test("is counted in millionths by the price of each kind of token, rounded up", () => {
    const usage = { input: 100, cachedInput: 1_000, cacheWrite: 10, output: 7 };
    expect(costOf(usage, PRICE)).toEqual({ tokens: 1_117, micros: 100 * 3 + 300 + 2 * 10 * 3 + 105 });
    expect(costOf({ ...usage, cachedInput: 1 }, PRICE).micros).toBe(466);
    expect(costOf(usage, { inputPerMTok: 3, outputPerMTok: 15 }).micros).toBe(3_465);
    expect(costOf(usage, undefined)).toEqual({ tokens: 1_117, micros: 0 });
  });

  test("no answer to a body costs more than its largest cost, a token being a byte or more", () => {
    const text = JSON.stringify({ messages: "x".repeat(500) });
    const cached = JSON.stringify({ messages: "x".repeat(500), cache_control: {} });
    assert(
      property(constantFrom(text, cached), nat(100), nat(100), nat(300), nat(1_000), (body, a, b, c, output) => {
        const input = body.length;
        const cacheWrite = body === cached ? Math.floor((input * a) / 100) : 0;
        const cachedInput = Math.floor(((input - cacheWrite) * b) / 100);
        const usage = { input: input - cacheWrite - cachedInput, cacheWrite, cachedInput, output: output + c };
        const most = largestCost(Buffer.from(body), { hasTools: false, outputTokensMax: 1_300 }, PRICE);
        const cost = costOf(usage, PRICE);
        expect(cost.tokens).toBeLessThanOrEqual(most.tokens);
        expect(cost.micros).toBeLessThanOrEqual(most.micros);
      }),
    );
  });

  test("tools cost what the vendor writes before them, too", () => {
    const plain = largestCost(Buffer.alloc(100), { hasTools: false, outputTokensMax: 1 }, PRICE);
    expect(largestCost(Buffer.alloc(100), { hasTools: true, outputTokensMax: 1 }, PRICE).tokens).toBe(
      plain.tokens + 600,
    );
  });
});

test("a budget counts what is reserved as gone until it is settled, once, and says what is used up", () => {
  const budget = budgetOf({ tokens: 100, micros: 1_000 });
  const first = budget.reserve({ tokens: 60, micros: 10 });
  expect(budget.reserve({ tokens: 41, micros: 0 })).toEqual({ status: "over", what: "tokens" });
  expect(budget.reserve({ tokens: 1, micros: 991 })).toEqual({ status: "over", what: "money" });
  const second = budget.reserve({ tokens: 40, micros: 990 });
  settle(first, { tokens: 10, micros: 5 });
  settle(first, { tokens: 0, micros: 0 });
  settle(second, null);
  expect(budget.spent()).toEqual({ tokens: 50, micros: 995 });
  expect(budget.reserve({ tokens: 51, micros: 0 })).toMatchObject({ what: "tokens" });
  expect(budget.reserve({ tokens: 50, micros: 6 })).toMatchObject({ what: "money" });
  expect(budget.reserve({ tokens: 50, micros: 5 })).toMatchObject({ status: "reserved" });
});

test("calls under way at once never overspend together, in whatever order they begin and end", () => {
  const step = record({ tokens: nat(60), micros: nat(600), cost: integer({ min: -1, max: 100 }), settles: nat(5) });
  assert(
    property(array(step, { maxLength: 60 }), (steps) => {
      const max = { tokens: 200, micros: 2_000 };
      const budget = budgetOf(max);
      const open: { amount: { tokens: number; micros: number }; cost: number; reservation: Reservation }[] = [];
      let spentTokens = 0;
      for (const { settles, cost, ...amount } of steps) {
        const reserved = budget.reserve(amount);
        if (reserved.status === "reserved") open.push({ amount, cost, reservation: reserved.reservation });
        const held = open.reduce((sum, one) => sum + one.amount.tokens, 0);
        expect(spentTokens + held).toBeLessThanOrEqual(max.tokens);
        const [ending] = open.splice(settles, 1);
        if (ending === undefined) continue;
        const share = (n: number) => Math.floor((n * ending.cost) / 100);
        const isSaid = ending.cost >= 0;
        const { tokens, micros } = ending.amount;
        ending.reservation.settle(isSaid ? { tokens: share(tokens), micros: share(micros) } : null);
        spentTokens += isSaid ? share(tokens) : tokens;
        expect(budget.spent().tokens).toBe(spentTokens);
        expect(budget.spent().micros).toBeLessThanOrEqual(max.micros);
      }
    }),
  );
});

function settle(
  reserved: ReturnType<ReturnType<typeof budgetOf>["reserve"]>,
  cost: { tokens: number; micros: number } | null,
) {
  if (reserved.status !== "reserved") throw new Error("it was not reserved");
  reserved.reservation.settle(cost);
}
