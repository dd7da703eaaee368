import OpenAI, { APIError } from "openai";
import { AUTHORITY } from "../wire.ts";
import type { Brief } from "./brief.ts";
import { fetchThroughProxy } from "./fetch.ts";
import type { Conversation, Turn } from "./model.ts";
import { TOOLS } from "./tools.ts";

/** A conversation over the Chat Completions API, which every compatible server speaks. The key is the gateway's. */
export function openaiConversation(brief: Brief): Conversation {
  const client = new OpenAI({
    apiKey: "added-by-the-gateway",
    baseURL: `http://${AUTHORITY.model}/v1`,
    fetch: fetchThroughProxy,
    maxRetries: 2,
  });
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    { role: "system", content: brief.prompt },
    { role: "user", content: "Study the boundary and hand in your candidates." },
  ];
  return {
    async next(answers) {
      for (const { id, text } of answers) messages.push({ role: "tool", tool_call_id: id, content: text });
      try {
        const completion = await client.chat.completions.create({
          model: brief.model,
          max_tokens: brief.tokensPerTurnMax,
          tools: TOOLS.map(({ name, description, parameters }) => ({
            type: "function" as const,
            function: { name, description, parameters },
          })),
          messages,
        });
        const message = completion.choices[0]?.message;
        if (message === undefined) return { status: "ended" };
        messages.push(message);
        return turnOf(message);
      } catch (thrown) {
        if (thrown instanceof APIError && (thrown.status === 429 || thrown.status === 403 || thrown.status === 503)) {
          return { status: "refused", reason: thrown.message };
        }
        throw thrown;
      }
    },
  };
}

function turnOf(message: OpenAI.ChatCompletionMessage): Turn {
  if (typeof message.refusal === "string") return { status: "declined", reason: "the model declined this work" };
  const calls = (message.tool_calls ?? []).flatMap((call) =>
    call.type === "function"
      ? [{ id: call.id, name: call.function.name, input: parsed(call.function.arguments) }]
      : [],
  );
  return calls.length > 0 ? { status: "calls", calls } : { status: "ended" };
}

/** The arguments are text from a model: what is no JSON is handed on as nothing, and the tool says that it does not fit. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}
