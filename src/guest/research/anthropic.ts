import Anthropic, { APIError } from "@anthropic-ai/sdk";
import { z } from "zod";
import { AUTHORITY } from "../wire.ts";
import type { Brief } from "./brief.ts";
import { fetchThroughProxy } from "./fetch.ts";
import { type Conversation, failureOf, type Turn } from "./model.ts";
import type { Reader, Reply } from "./reader.ts";
import { TOOLS } from "./tools.ts";

/** A conversation over the Messages API. */
export function anthropicConversation(brief: Brief): Conversation {
  const client = clientOf();
  const messages: Anthropic.MessageParam[] = [
    { role: "user", content: "Study the boundary and hand in your candidates." },
  ];
  return {
    async next(answers) {
      if (answers.length > 0) {
        messages.push({
          role: "user",
          content: answers.map(({ id, text }) => ({ type: "tool_result", tool_use_id: id, content: text })),
        });
      }
      return orFailed(async () => {
        const message = await client.messages.create({
          model: brief.model,
          max_tokens: brief.tokensPerTurnMax,
          system: brief.prompt,
          tools: TOOLS.map(({ name, description, parameters }) => ({ name, description, input_schema: parameters })),
          messages,
        });
        const said = Said.safeParse(message);
        if (!said.success) return { status: "failed", reason: NO_MESSAGE };
        messages.push({ role: "assistant", content: message.content });
        return turnOf(said.data, brief);
      });
    },
  };
}

/** One message to a model that has no tools. */
export function anthropicReader(brief: Brief): Reader {
  const client = clientOf();
  return (message) =>
    orFailed<Reply>(async () => {
      const answered = await client.messages.create({
        model: brief.model,
        max_tokens: brief.tokensPerTurnMax,
        system: brief.readerPrompt,
        messages: [{ role: "user", content: message }],
      });
      const said = Said.safeParse(answered);
      if (!said.success) return { status: "failed", reason: NO_MESSAGE };
      const turn = turnOf(said.data, brief);
      if (turn.status === "calls") return { status: "acted" };
      if (turn.status !== "ended") return turn;
      return { status: "said", text: said.data.content.map((block) => ("text" in block ? block.text : "")).join("") };
    });
}

/** The key is the gateway's; the SDK is given a placeholder that the gateway strips. */
function clientOf(): Anthropic {
  return new Anthropic({
    apiKey: "added-by-the-gateway",
    baseURL: `http://${AUTHORITY.model}`,
    fetch: fetchThroughProxy,
    maxRetries: 2,
  });
}

const NO_MESSAGE = "the server's answer is no message of this API";

async function orFailed<T>(ask: () => Promise<T>): Promise<T | Extract<Turn, { status: "cut" | "failed" }>> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof APIError) return failureOf(thrown);
    if (thrown instanceof SyntaxError) return { status: "failed", reason: "the server's answer is no JSON" };
    throw thrown;
  }
}

/** What is used of a message; the SDK does not check it. */
const Said = z.object({
  stop_reason: z.string().nullish(),
  content: z.array(
    z.union([
      z.object({
        type: z.literal("tool_use"),
        id: z.string().max(200),
        name: z.string().max(200),
        input: z.unknown(),
      }),
      z.object({ type: z.literal("text"), text: z.string() }),
      z.object({ type: z.string().refine((type) => type !== "tool_use" && type !== "text") }),
    ]),
  ),
});

const CUT_REASONS: unknown[] = ["max_tokens", "model_context_window_exceeded"];

function turnOf({ stop_reason, content }: z.infer<typeof Said>, { tokensPerTurnMax }: Brief): Turn {
  if (stop_reason === "refusal") return { status: "declined", reason: "the model declined this work" };
  const calls = content.flatMap((block) =>
    "id" in block ? [{ id: block.id, name: block.name, input: block.input }] : [],
  );
  if (calls.length > 0) return { status: "calls", calls };
  if (!CUT_REASONS.includes(stop_reason)) return { status: "ended" };
  return { status: "cut", reason: `an answer came to its limit (${stop_reason}, ${tokensPerTurnMax} tokens a turn)` };
}
