import type { ServerResponse } from "node:http";
import { z } from "zod";
import { type Seen, upstream } from "./upstream.ts";

/**
 * A model's server on loopback, in the two wire protocols, whose model says what a script has it say. It is as strict as
 * the real ones where a mistake of ours would show: a call that is not answered, an answer to no call, a missing limit.
 */
export type Kind = "anthropic" | "openai";

export type Move =
  /** `input` is sent as it is; text stands for arguments that are no JSON object. */
  | { say: "calls"; calls: { name: string; input: unknown }[] }
  | { say: "end" | "refusal" | "filtered" | "cut" }
  | { say: "text"; text: string }
  | { say: "status"; code: number }
  | { say: "body"; body: string };

export type ModelServer = {
  baseUrl: string;
  /** Every request of the play that is on, in order. */
  seen: Seen[];
  /** Requests that break the protocol, in words. */
  complaints: string[];
  /** What the tools answered to the model, in order, as it saw it. */
  told: string[];
  /** From here on the model says this; the last move is repeated. `onAsk` runs before each answer. */
  play(moves: readonly Move[], onAsk?: () => void): void;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function modelServer(kind: Kind): Promise<ModelServer> {
  let moves: readonly Move[] = [];
  let onAsk: (() => void) | undefined;
  let asked = 0;
  const complaints: string[] = [];
  const told: string[] = [];
  const host = await upstream((response, seen) => {
    onAsk?.();
    const complaint = kind === "anthropic" ? faultOfMessages(seen) : faultOfCompletions(seen);
    if (complaint !== undefined) {
      complaints.push(complaint);
      return send(response, 400, JSON.stringify({ error: { type: "invalid_request_error", message: complaint } }));
    }
    told.push(...answersIn(kind, seen.body).slice(told.length));
    const move = moves[Math.min(asked, moves.length - 1)] ?? { say: "end" };
    asked++;
    const [code, body] = kind === "anthropic" ? asMessage(move, asked) : asCompletion(move, asked);
    send(response, code, body);
  });
  return {
    baseUrl: `http://127.0.0.1:${host.port}`,
    seen: host.seen,
    complaints,
    told,
    play(next, hook) {
      moves = next;
      onAsk = hook;
      asked = 0;
      for (const list of [host.seen, complaints, told]) list.length = 0;
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}

function send(response: ServerResponse, code: number, body: string): void {
  response.writeHead(code, { "content-type": "application/json" }).end(body);
}

function asMessage(move: Move, turn: number): [number, string] {
  const message = (stop_reason: string, content: unknown[]): [number, string] => [
    200,
    JSON.stringify({
      id: `msg_${turn}`,
      type: "message",
      role: "assistant",
      model: "m-1",
      content,
      stop_reason,
      stop_sequence: null,
      usage: { input_tokens: 10, output_tokens: 5 },
    }),
  ];
  const text = { type: "text", text: "I look at it." };
  switch (move.say) {
    case "calls": {
      const uses = move.calls.map(({ name, input }, i) => ({ type: "tool_use", id: `t${turn}-${i}`, name, input }));
      return message("tool_use", [text, ...uses]);
    }
    case "end":
      return message("end_turn", [text]);
    case "text":
      return message("end_turn", [{ type: "text", text: move.text }]);
    case "refusal":
    case "filtered":
      return message("refusal", []);
    case "cut":
      return message("max_tokens", [text]);
    case "status":
      return [move.code, JSON.stringify({ type: "error", error: { type: "api_error", message: "not now" } })];
    case "body":
      return [200, move.body];
  }
}

function asCompletion(move: Move, turn: number): [number, string] {
  const completion = (finish_reason: string, message: Record<string, unknown>): [number, string] => [
    200,
    JSON.stringify({
      id: `chatcmpl-${turn}`,
      object: "chat.completion",
      created: 1,
      model: "m-1",
      choices: [
        { index: 0, finish_reason, logprobs: null, message: { role: "assistant", refusal: null, ...message } },
      ],
      usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
    }),
  ];
  switch (move.say) {
    case "calls": {
      const tool_calls = move.calls.map(({ name, input }, i) => ({
        id: `t${turn}-${i}`,
        type: "function",
        function: { name, arguments: typeof input === "string" ? input : JSON.stringify(input) },
      }));
      return completion("tool_calls", { content: null, tool_calls });
    }
    case "end":
      return completion("stop", { content: "I looked at it." });
    case "text":
      return completion("stop", { content: move.text });
    case "refusal":
      return completion("stop", { content: null, refusal: "I cannot help with that." });
    case "filtered":
      return completion("content_filter", { content: null });
    case "cut":
      return completion("length", { content: "I look at" });
    case "status":
      return [move.code, JSON.stringify({ error: { message: "not now", type: "server_error", code: null } })];
    case "body":
      return [200, move.body];
  }
}

const Block = z.looseObject({
  type: z.string(),
  id: z.string().optional(),
  tool_use_id: z.string().optional(),
  content: z.string().optional(),
});
const Messages = z.object({
  model: z.string(),
  max_tokens: z.int().positive(),
  stream: z.literal(false).optional(),
  tools: z
    .array(z.object({ name: z.string(), input_schema: z.looseObject({ type: z.literal("object") }) }))
    .min(1)
    .optional(),
  messages: z
    .array(z.object({ role: z.enum(["user", "assistant"]), content: z.union([z.string(), z.array(Block)]) }))
    .min(1),
});

function faultOfMessages({ method, url, headers, body }: Seen): string | undefined {
  if (method !== "POST" || url !== "/v1/messages") return `${method} ${url}`;
  if (headers["anthropic-version"] === undefined) return "anthropic-version: header is required";
  const parsed = Messages.safeParse(JSON.parse(body));
  if (!parsed.success) return parsed.error.message;
  let open: string[] = [];
  for (const [index, { role, content }] of parsed.data.messages.entries()) {
    if (role !== (index % 2 === 0 ? "user" : "assistant")) return "roles must alternate";
    const blocks = typeof content === "string" ? [] : content;
    const answered = blocks.flatMap((block) => block.tool_use_id ?? []);
    if (role === "user" && open.join() !== answered.join()) return "`tool_use` ids without `tool_result` blocks";
    open = role === "user" ? [] : blocks.flatMap((block) => (block.type === "tool_use" ? (block.id ?? []) : []));
  }
  return undefined;
}

const Completions = z.object({
  model: z.string(),
  max_completion_tokens: z.int().positive(),
  stream: z.literal(false).optional(),
  tools: z
    .array(
      z.object({
        type: z.literal("function"),
        function: z.object({ name: z.string(), parameters: z.looseObject({ type: z.literal("object") }) }),
      }),
    )
    .min(1)
    .optional(),
  messages: z
    .array(
      z.object({
        role: z.enum(["system", "user", "assistant", "tool"]),
        content: z.string().nullish(),
        tool_call_id: z.string().optional(),
        tool_calls: z.array(z.object({ id: z.string() })).optional(),
      }),
    )
    .min(1),
});

function faultOfCompletions({ method, url, body }: Seen): string | undefined {
  if (method !== "POST" || url !== "/v1/chat/completions") return `${method} ${url}`;
  const parsed = Completions.safeParse(JSON.parse(body));
  if (!parsed.success) return parsed.error.message;
  const open = new Set<string>();
  for (const { role, tool_call_id, tool_calls } of parsed.data.messages) {
    if (role === "tool" && !open.delete(tool_call_id ?? "")) return "a tool message answers no call";
    if (role !== "tool" && open.size > 0) return "tool_call_ids did not have response messages";
    for (const { id } of tool_calls ?? []) open.add(id);
  }
  return open.size > 0 ? "tool_call_ids did not have response messages" : undefined;
}

function answersIn(kind: Kind, body: string): string[] {
  if (kind === "anthropic") {
    const { messages } = Messages.parse(JSON.parse(body));
    return messages.flatMap(({ role, content }) =>
      role === "user" && typeof content !== "string" ? content.map((block) => block.content ?? "") : [],
    );
  }
  const { messages } = Completions.parse(JSON.parse(body));
  return messages.flatMap(({ role, content }) => (role === "tool" ? [content ?? ""] : []));
}
