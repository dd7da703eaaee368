import { z } from "zod";

/**
 * Streams of the three APIs as the vendors document them, event by event, and what a request for one has to hold. Strict where a
 * mistake of ours would show: Chat Completions only says what it cost when it was asked to.
 */
export type StreamPath = "/v1/messages" | "/v1/chat/completions" | "/v1/responses";

const Request = z.looseObject({ model: z.literal("m-1"), stream: z.literal(true) });
const STRICT: Readonly<Record<StreamPath, z.ZodType>> = {
  "/v1/messages": Request.extend({ max_tokens: z.int().positive(), messages: z.array(z.unknown()).min(1) }),
  "/v1/chat/completions": Request.extend({
    max_completion_tokens: z.int().positive(),
    messages: z.array(z.unknown()).min(1),
    stream_options: z.strictObject({ include_usage: z.literal(true) }),
  }),
  "/v1/responses": Request.extend({
    max_output_tokens: z.int().positive(),
    input: z.string(),
    store: z.literal(false),
  }),
};

/** undefined when the request is one that the vendor takes. */
export function faultOfStreamRequest(path: string, body: string): string | undefined {
  if (!Object.hasOwn(STRICT, path)) return `no such call: ${path}`;
  return STRICT[path as StreamPath].safeParse(JSON.parse(body)).error?.message;
}

/** Ten tokens in and `words` out, one word an event. */
export function eventsOf(path: StreamPath, words: readonly string[]): string[] {
  if (path === "/v1/messages") return messages(words);
  return path === "/v1/responses" ? responses(words) : completions(words);
}

function messages(words: readonly string[]): string[] {
  const message = { id: "msg_1", type: "message", role: "assistant", model: "m-1", content: [], stop_reason: null };
  const start = { ...message, stop_sequence: null, usage: { input_tokens: 10, output_tokens: 1 } };
  return [
    { type: "message_start", message: start },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "ping" },
    ...words.map((text) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } })),
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: words.length },
    },
    { type: "message_stop" },
  ].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

function completions(words: readonly string[]): string[] {
  const head = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m-1" };
  const chunk = (delta: unknown, finish_reason: string | null) => ({
    ...head,
    choices: [{ index: 0, delta, finish_reason }],
    usage: null,
  });
  const usage = { prompt_tokens: 10, completion_tokens: words.length, total_tokens: 10 + words.length };
  const events = [
    chunk({ role: "assistant", content: "" }, null),
    ...words.map((content) => chunk({ content }, null)),
    chunk({}, "stop"),
    { ...head, choices: [], usage },
  ];
  return [...events.map((event) => `data: ${JSON.stringify(event)}\n\n`), "data: [DONE]\n\n"];
}

function responses(words: readonly string[]): string[] {
  const response = {
    id: "resp_1",
    object: "response",
    created_at: 1,
    model: "m-1",
    output: [],
    status: "in_progress",
  };
  const part = { type: "output_text", text: "", annotations: [] };
  const item = { id: "item_1", type: "message", role: "assistant", status: "in_progress", content: [] };
  const place = { item_id: "item_1", output_index: 0, content_index: 0 };
  const text = words.join("");
  const done = { ...item, status: "completed", content: [{ ...part, text }] };
  const usage = { input_tokens: 10, output_tokens: words.length, total_tokens: 10 + words.length };
  return [
    { type: "response.created", response },
    { type: "response.output_item.added", output_index: 0, item },
    { type: "response.content_part.added", ...place, part },
    ...words.map((delta) => ({ type: "response.output_text.delta", ...place, delta, logprobs: [] })),
    { type: "response.output_text.done", ...place, text, logprobs: [] },
    { type: "response.content_part.done", ...place, part: { ...part, text } },
    { type: "response.output_item.done", output_index: 0, item: done },
    { type: "response.completed", response: { ...response, status: "completed", output: [done], usage } },
  ].map((event, i) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: i })}\n\n`);
}
