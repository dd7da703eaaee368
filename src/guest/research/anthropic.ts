import Anthropic, { APIError } from "@anthropic-ai/sdk";
import { AUTHORITY } from "../wire.ts";
import type { Brief } from "./brief.ts";
import { fetchThroughProxy } from "./fetch.ts";
import type { Conversation, Turn } from "./model.ts";
import { TOOLS } from "./tools.ts";

/** A conversation over the Messages API. The key is the gateway's; the SDK is given a placeholder that the gateway strips. */
export function anthropicConversation(brief: Brief): Conversation {
  const client = new Anthropic({
    apiKey: "added-by-the-gateway",
    baseURL: `http://${AUTHORITY.model}`,
    fetch: fetchThroughProxy,
    maxRetries: 2,
  });
  const messages: Anthropic.MessageParam[] = [
    { role: "user", content: "Study the boundary and hand in your candidates." },
  ];
  return {
    async next(answers) {
      if (answers.length > 0) {
        messages.push({
          role: "user",
          content: answers.map(({ id, text }) => ({ type: "tool_result" as const, tool_use_id: id, content: text })),
        });
      }
      try {
        const message = await client.messages.create({
          model: brief.model,
          max_tokens: brief.tokensPerTurnMax,
          system: brief.prompt,
          tools: TOOLS.map(({ name, description, parameters }) => ({
            name,
            description,
            input_schema: parameters as Anthropic.Tool.InputSchema,
          })),
          messages,
        });
        messages.push({ role: "assistant", content: message.content });
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

function turnOf(message: Anthropic.Message): Turn {
  if (message.stop_reason === "refusal") return { status: "declined", reason: "the model declined this work" };
  const calls = message.content.flatMap((block) =>
    block.type === "tool_use" ? [{ id: block.id, name: block.name, input: block.input }] : [],
  );
  return calls.length > 0 ? { status: "calls", calls } : { status: "ended" };
}
