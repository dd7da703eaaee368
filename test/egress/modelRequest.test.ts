import { describe, expect, test } from "vitest";
import { tokenBudget } from "../../src/egress/budget.ts";
import { checkModelRequest, isModelPath } from "../../src/egress/modelRequest.ts";
import { usageReader } from "../../src/egress/modelUsage.ts";

const MESSAGES = { model: "m-1", max_tokens: 100, messages: [{ role: "user", content: "hello" }] };
const CHAT = { model: "m-1", max_tokens: 100, messages: [{ role: "user", content: "hello" }] };
const RESPONSES = { model: "m-1", max_output_tokens: 100, input: "hello" };

describe("a call of text and tools is passed on", () => {
  const tool = { name: "look", input_schema: { type: "object", properties: { kind: { type: "image" } } } };
  const call = { type: "tool_use", id: "1", name: "look", input: { type: "image", url: "x" } };
  test.each([
    ["/v1/messages", MESSAGES],
    [
      "/v1/messages",
      { ...MESSAGES, tools: [tool, { ...tool, type: "custom" }], system: [{ type: "text", text: "x" }] },
    ],
    ["/v1/messages", { ...MESSAGES, messages: [{ role: "assistant", content: [call] }] }],
    [
      "/v1/messages",
      {
        ...MESSAGES,
        messages: [{ role: "user", content: [{ type: "tool_result", content: [{ type: "text", text: "x" }] }] }],
      },
    ],
    ["/v1/chat/completions", { ...CHAT, tools: [{ type: "function", function: { name: "look" } }] }],
    ["/v1/chat/completions", { model: "m-1", max_completion_tokens: 5, messages: [] }],
    [
      "/v1/chat/completions",
      { ...CHAT, messages: [{ role: "assistant", content: null, refusal: null, tool_calls: [] }] },
    ],
    ["/v1/responses", RESPONSES],
    ["/v1/responses", { ...RESPONSES, input: [{ type: "function_call_output", call_id: "1", output: "x" }] }],
  ])("%s %j", (path, body) => {
    expect(checkModelRequest(path, body, ["m-1"])).toMatchObject({ status: "ok", isStreaming: false });
  });
});

describe("what may make the vendor's servers do something is not", () => {
  const block = (type: string) => ({ ...MESSAGES, messages: [{ role: "user", content: [{ type, source: {} }] }] });
  test.each([
    ["/v1/messages", null, /not a JSON object/],
    ["/v1/messages", [MESSAGES], /not a JSON object/],
    ["/v1/messages", undefined, /not a JSON object/],
    ["/v1/messages", { ...MESSAGES, model: "m-2" }, /model is not configured/],
    ["/v1/messages", { ...MESSAGES, model: undefined }, /model is not configured/],
    ["/v1/messages", { ...MESSAGES, max_tokens: undefined }, /max_tokens must be there/],
    ["/v1/messages", { ...MESSAGES, max_tokens: 0 }, /max_tokens must be there/],
    ["/v1/messages", { ...MESSAGES, max_tokens: "100" }, /max_tokens must be there/],
    ["/v1/chat/completions", { ...CHAT, max_completion_tokens: 5 }, /must be there once/],
    ["/v1/messages", { ...MESSAGES, mcp_servers: [] }, /"mcp_servers" is not passed on/],
    ["/v1/messages", { ...MESSAGES, container: "x" }, /"container" is not passed on/],
    ["/v1/messages", { ...MESSAGES, tools: [{ type: "web_search_20250305", name: "web_search" }] }, /a tool that/],
    ["/v1/messages", { ...MESSAGES, tools: [{ type: "code_execution_20250522" }] }, /a tool that/],
    ["/v1/messages", { ...MESSAGES, tools: "all" }, /not a list/],
    ["/v1/messages", block("image"), /only text/],
    ["/v1/messages", block("document"), /only text/],
    ["/v1/messages", { ...MESSAGES, system: [{ type: "image" }] }, /only text/],
    ["/v1/chat/completions", block("image_url"), /only text/],
    ["/v1/chat/completions", { ...CHAT, n: 10 }, /"n" is not passed on/],
    ["/v1/chat/completions", { ...CHAT, web_search_options: {} }, /not passed on/],
    ["/v1/responses", { ...RESPONSES, tools: [{ type: "mcp", server_url: "http://evil.example" }] }, /a tool that/],
    ["/v1/responses", { ...RESPONSES, tools: [{ type: "code_interpreter" }] }, /a tool that/],
    ["/v1/responses", { ...RESPONSES, background: true }, /not passed on/],
    ["/v1/responses", { ...RESPONSES, previous_response_id: "x" }, /not passed on/],
    ["/v1/responses", { ...RESPONSES, prompt: { id: "x" } }, /not passed on/],
    ["/v1/responses", { ...RESPONSES, input: [{ type: "item_reference", id: "x" }] }, /only text/],
    ["/v1/responses", { ...RESPONSES, stream: "yes" }, /true or false/],
  ])("%s %j", (path, body, reason) => {
    const check = checkModelRequest(path, body, ["m-1"]);
    expect(check).toMatchObject({ status: "refused", reason: expect.stringMatching(reason) as string });
  });
});

test("nothing is kept by the vendor, and a stream says what it cost", () => {
  expect(checkModelRequest("/v1/responses", { ...RESPONSES, store: true }, ["m-1"])).toMatchObject({
    body: { store: false },
  });
  const chat = { ...CHAT, stream: true, stream_options: { include_usage: false } };
  expect(checkModelRequest("/v1/chat/completions", chat, ["m-1"])).toMatchObject({
    isStreaming: true,
    body: { stream_options: { include_usage: true } },
  });
});

test("each kind of server has its own calls", () => {
  expect(isModelPath("anthropic", "/v1/messages")).toBe(true);
  expect(isModelPath("anthropic", "/v1/responses")).toBe(false);
  expect(isModelPath("openai", "/v1/chat/completions")).toBe(true);
  for (const path of ["/v1/files", "/v1/messages/batches", "/v1/models", "constructor", "/"]) {
    expect([isModelPath("openai", path), isModelPath("anthropic", path)]).toEqual([false, false]);
  }
});

describe("what a call cost is read from its answer", () => {
  const sse = (...events: unknown[]) =>
    events.map((event) => `event: x\ndata: ${JSON.stringify(event)}\n\n`).join("");
  test.each([
    [false, JSON.stringify({ usage: { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 7 } }), 22],
    [false, JSON.stringify({ usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } }), 15],
    [false, JSON.stringify({ choices: [] }), null],
    [false, "not json", null],
    [
      true,
      sse(
        { type: "message_start", message: { usage: { input_tokens: 10, output_tokens: 1 } } },
        { type: "message_delta", usage: { output_tokens: 30 } },
      ),
      40,
    ],
    [true, sse({ choices: [], usage: null }, { choices: [], usage: { prompt_tokens: 3, completion_tokens: 4 } }), 7],
    [true, sse({ type: "response.completed", response: { usage: { input_tokens: 3, output_tokens: 4 } } }), 7],
    [true, "data: [DONE]\n\n", null],
    [true, 'data: {"usage": broken\n\n', null],
  ])("streaming %s: %s costs %s", (isStreaming, text, tokens) => {
    const reader = usageReader(isStreaming);
    const bytes = Buffer.from(text);
    for (let i = 0; i < bytes.length; i += 7) reader.take(bytes.subarray(i, i + 7));
    expect(reader.tokens()).toBe(tokens);
  });
});

test("a budget counts what is reserved as gone until it is settled, once", () => {
  const budget = tokenBudget(100);
  const first = budget.reserve(60);
  expect(budget.reserve(41)).toBeNull();
  const second = budget.reserve(40);
  first?.settle(10);
  first?.settle(0);
  second?.settle(null);
  expect(budget.spent()).toBe(50);
  expect(budget.reserve(51)).toBeNull();
  expect(budget.reserve(50)).not.toBeNull();
});
