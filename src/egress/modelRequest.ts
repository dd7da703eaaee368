import { z } from "zod";

/**
 * What a researcher's model call may hold: text and tool calls, a configured model, a stated limit of output. Read by
 * allow-list, because a field that is not known here may make the vendor's servers fetch, keep or run something: hosted
 * tools, remote MCP servers, pictures by URL, stored prompts, background runs. A hosted tool passes when the operator named its
 * type; files, pictures and `mcp_servers` never do.
 */
export type ModelCheck =
  | {
      status: "ok";
      /** What is sent on: serialized anew, so that a key written twice cannot mean two things. */
      body: Record<string, unknown>;
      isStreaming: boolean;
      hasTools: boolean;
      outputTokensMax: number;
    }
  | { status: "refused"; reason: string };

export type ModelKind = "anthropic" | "openai";

const COMMON = ["model", "stream", "temperature", "tool_choice", "tools", "top_p"];
const CALLS: Readonly<Record<string, { kind: ModelKind; keys: readonly string[]; limits: readonly string[] }>> = {
  "/v1/messages": {
    kind: "anthropic",
    keys: [...COMMON, "max_tokens", "messages", "output_config", "stop_sequences", "system", "thinking", "top_k"],
    limits: ["max_tokens"],
  },
  "/v1/chat/completions": {
    kind: "openai",
    keys: [
      ...COMMON,
      "frequency_penalty",
      "max_completion_tokens",
      "max_tokens",
      "messages",
      "parallel_tool_calls",
      "presence_penalty",
      "reasoning_effort",
      "response_format",
      "seed",
      "stop",
      "stream_options",
    ],
    limits: ["max_completion_tokens", "max_tokens"],
  },
  "/v1/responses": {
    kind: "openai",
    keys: [
      ...COMMON,
      "input",
      "instructions",
      "max_output_tokens",
      "parallel_tool_calls",
      "reasoning",
      "store",
      "text",
    ],
    limits: ["max_output_tokens"],
  },
};

const TOOL_TYPES = ["function", "custom"];
const BLOCK_TYPES = new Set([
  "custom_tool_call",
  "custom_tool_call_output",
  "function_call",
  "function_call_output",
  "input_text",
  "message",
  "output_text",
  "reasoning",
  "reasoning_text",
  "redacted_thinking",
  "refusal",
  "summary_text",
  "text",
  "thinking",
  "tool_result",
  "tool_use",
]);

const Tokens = z.int().positive().max(10_000_000);
const Tool = z.looseObject({ type: z.string().optional() });

/** True when the path is one that this kind of model server has. */
export function isModelPath(kind: ModelKind, path: string): boolean {
  return Object.hasOwn(CALLS, path) && CALLS[path]?.kind === kind;
}

/** What is configured: names, exactly. `hostedTools` are types as the vendor writes them. */
type Allowed = { models: readonly string[]; hostedTools: readonly string[] };

/** @param path one that `isModelPath` takes. */
export function checkModelRequest(path: string, body: unknown, { models, hostedTools }: Allowed): ModelCheck {
  const call = CALLS[path];
  if (call === undefined) return refused("there is no such call");
  if (!isRecord(body)) return refused("the body is not a JSON object");
  const unknown = Object.keys(body).find((key) => !call.keys.includes(key));
  if (unknown !== undefined) return refused(`the field ${JSON.stringify(unknown.slice(0, 60))} is not passed on`);
  if (typeof body.model !== "string" || !models.includes(body.model)) return refused("this model is not configured");
  const limits = call.limits.flatMap((key) => (body[key] === undefined ? [] : [Tokens.safeParse(body[key])]));
  const limit = limits.length === 1 ? limits[0] : undefined;
  if (!limit?.success) return refused(`${call.limits.join(" or ")} must be there once, a whole number over 0`);
  const fault = faultOfTools(body.tools, hostedTools) ?? faultOfContent(body, hostedTools);
  if (fault !== undefined) return refused(fault);
  if (body.stream !== undefined && typeof body.stream !== "boolean") return refused("stream is true or false");
  const isStreaming = body.stream === true;
  const hasTools = Array.isArray(body.tools) && body.tools.length > 0;
  return { status: "ok", body: settled(path, body, isStreaming), isStreaming, hasTools, outputTokensMax: limit.data };
}

/** Without these the vendor would keep the conversation, or a stream would end without saying what it cost. */
function settled(path: string, body: Record<string, unknown>, isStreaming: boolean): Record<string, unknown> {
  if (path === "/v1/responses") return { ...body, store: false };
  if (path !== "/v1/chat/completions") return body;
  const { stream_options: _, ...rest } = body;
  return isStreaming ? { ...rest, stream_options: { include_usage: true } } : rest;
}

function faultOfTools(tools: unknown, hostedTools: readonly string[]): string | undefined {
  if (tools === undefined) return undefined;
  const parsed = z.array(Tool).max(200).safeParse(tools);
  if (!parsed.success) return "tools is not a list of tools";
  const known = [...TOOL_TYPES, ...hostedTools];
  const hosted = parsed.data.find(({ type }) => type !== undefined && !known.includes(type));
  return hosted === undefined ? undefined : "a tool that the vendor's servers would run is not passed on";
}

/**
 * How the calls and results of a hosted tool stand in the conversation that is sent back: `web_search_20250305` leaves
 * `server_tool_use` and `web_search_tool_result`, OpenAI's `code_interpreter` leaves `code_interpreter_call`.
 */
function blocksOf(hostedTools: readonly string[]): string[] {
  return hostedTools.flatMap((type) => {
    const base = type.replace(/_\d{8}$|_preview(?:_\d{4}_\d\d_\d\d)?$/, "");
    return ["server_tool_use", `${base}_tool_result`, `${base}_result`, `${base}_call`, `${base}_call_output`];
  });
}

/** Looks at blocks of content only: what a tool was called with, or a schema, may hold any JSON. */
function faultOfContent(body: Record<string, unknown>, hostedTools: readonly string[]): string | undefined {
  const known = hostedTools.length === 0 ? BLOCK_TYPES : new Set([...BLOCK_TYPES, ...blocksOf(hostedTools)]);
  const lists = [body.messages, body.input, body.system].filter((list) => Array.isArray(list));
  const isForeign = lists.some((list) => list.some((item: unknown) => holdsForeignBlock(item, known, 0)));
  return isForeign ? "only text and tool calls are passed on" : undefined;
}

function holdsForeignBlock(item: unknown, known: ReadonlySet<string>, depth: number): boolean {
  if (typeof item === "string") return false;
  if (!isRecord(item) || depth > 4) return true;
  if (item.type !== undefined && !(typeof item.type === "string" && known.has(item.type))) return true;
  return [item.content, item.output].some(
    (inner) => Array.isArray(inner) && inner.some((part: unknown) => holdsForeignBlock(part, known, depth + 1)),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused(reason: string): ModelCheck {
  return { status: "refused", reason };
}
