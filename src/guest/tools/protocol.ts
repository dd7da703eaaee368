import type { IncomingMessage, ServerResponse } from "node:http";
import type { Call, Protocol } from "./order.ts";
import type { Answer, OfferedTool } from "./transcript.ts";

/** One vendor's way to ask a model: the least of it that makes the vendor's own agent call tools. One file each. */
export type Dialect = {
  protocol: Protocol;
  /** Is this a request for what the model says next? Everything else is answered with 404. */
  isTurn(method: string, path: string): boolean;
  /** Tools offered in a request, and the answers to the calls so far, in order. */
  toolsIn(body: unknown): OfferedTool[];
  answersIn(body: unknown): Answer[];
  /** Tools that are no program's but the vendor's: nothing of them runs where the agent does. */
  vendorToolsIn(body: unknown): string[];
  /** What the agent says to the model as its user, without the answers to calls. */
  saidByUser(body: unknown): string;
  /** The call with which a sub-agent has to end, where it may not simply stop. */
  ending?: Call;
  /** The model's answer: one call, or a last word. `path` tells whether the agent wants it streamed. */
  reply(response: ServerResponse, said: Said, request: { body: unknown; path: string }): void;
};

export type Said = { call: Call; index: number } | { text: string };

/** Longest text of one answer that is kept; nonces stand at its beginning. */
export const ANSWER_CHARACTERS_MAX = 6_000;

export function asAnswer(text: string, isError: boolean): Answer {
  return { text: text.slice(0, ANSWER_CHARACTERS_MAX), isError };
}

export function asTool(name: unknown, schema: unknown): OfferedTool[] {
  if (typeof name !== "string" || name === "") return [];
  const parameters = Object.keys(recordAt(schema, "properties"));
  const required = listAt(schema, "required").filter((one) => typeof one === "string");
  return [{ name: name.slice(0, 300), parameters: bounded(parameters), required: bounded(required) }];
}

function bounded(names: string[]): string[] {
  return names.slice(0, 60).map((name) => name.slice(0, 100));
}

export function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

export function listAt(value: unknown, key: string): unknown[] {
  const found = at(value, key);
  return Array.isArray(found) ? found : [];
}

function recordAt(value: unknown, key: string): Record<string, unknown> {
  const found = at(value, key);
  return typeof found === "object" && found !== null && !Array.isArray(found)
    ? (found as Record<string, unknown>)
    : {};
}

/** The texts of a content that is a string or a list of blocks with a `text` or a `content` each. */
export function textsOf(content: unknown, keys: readonly string[] = ["text", "content"]): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((block) => keys.map((key) => at(block, key)).find((text) => text !== undefined))
    .filter((text) => typeof text === "string")
    .join("\n");
}

/** Server-sent events, as all three vendors stream. */
export function streamTo(response: ServerResponse): (event: string | undefined, data: unknown) => void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  return (event, data) => {
    response.write(`${event === undefined ? "" : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`);
  };
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** Undefined when it is no JSON, or too long. */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  if (length > BODY_BYTES_MAX) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
