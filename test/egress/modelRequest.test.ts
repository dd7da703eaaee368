import { describe, expect, test } from "vitest";
import { checkModelRequest, isModelPath } from "../../src/egress/modelRequest.ts";

const CONFIGURED = { models: ["m-1"], hostedTools: [] };
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
    expect(checkModelRequest(path, body, CONFIGURED)).toMatchObject({ status: "ok", isStreaming: false });
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
    const check = checkModelRequest(path, body, CONFIGURED);
    expect(check).toMatchObject({ status: "refused", reason: expect.stringMatching(reason) as string });
  });
});

test("nothing is kept by the vendor, and a stream says what it cost", () => {
  expect(checkModelRequest("/v1/responses", { ...RESPONSES, store: true }, CONFIGURED)).toMatchObject({
    body: { store: false },
  });
  const chat = { ...CHAT, stream: true, stream_options: { include_usage: false } };
  expect(checkModelRequest("/v1/chat/completions", chat, CONFIGURED)).toMatchObject({
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

describe("a hosted tool that was named", () => {
  const named = { models: ["m-1"], hostedTools: ["web_search_20250305", "code_interpreter"] };
  const searched = [
    { type: "server_tool_use", id: "s1", name: "web_search", input: { query: "x" } },
    { type: "web_search_tool_result", tool_use_id: "s1", content: [{ type: "web_search_result", url: "x" }] },
  ];
  const search = { ...MESSAGES, tools: [{ type: "web_search_20250305", name: "web_search" }] };
  const messages = [...MESSAGES.messages, { role: "assistant", content: searched }];
  const interpreter = { type: "code_interpreter", container: { type: "auto" } };
  const run = [{ type: "code_interpreter_call", id: "ci_1", code: "1", container_id: "c", outputs: null }];
  const calls = [
    ["/v1/messages", { ...search, messages }],
    ["/v1/responses", { ...RESPONSES, tools: [interpreter], input: run }],
  ] as const;

  test.each(calls)("is passed on with what it leaves in the conversation: %s", (path, body) => {
    expect(checkModelRequest(path, body, named)).toMatchObject({ status: "ok", hasTools: true });
  });

  test.each(calls)("is refused with both when nobody named it: %s", (path, body) => {
    expect(checkModelRequest(path, body, CONFIGURED)).toMatchObject({ status: "refused" });
    const { tools: _, ...rest } = body;
    expect(checkModelRequest(path, rest, CONFIGURED)).toMatchObject({ status: "refused" });
  });

  test("opens no other tool, no file and no server", () => {
    for (const more of [
      { tools: [{ type: "web_search_20260209", name: "web_search" }] },
      { tools: [{ type: "web_fetch_20250910", name: "web_fetch" }] },
      { mcp_servers: [{ type: "url", url: "https://evil.example", name: "x" }] },
      { container: "x" },
      { messages: [{ role: "user", content: [{ type: "container_upload", file_id: "f" }] }] },
      { messages: [{ role: "user", content: [{ type: "document", source: { type: "file", file_id: "f" } }] }] },
    ]) {
      expect(checkModelRequest("/v1/messages", { ...MESSAGES, ...more }, named)).toMatchObject({ status: "refused" });
    }
  });
});
