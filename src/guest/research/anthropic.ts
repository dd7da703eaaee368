import Anthropic, { APIError } from "@anthropic-ai/sdk";
import { z } from "zod";
import type { Brief } from "./brief.ts";
import type { Conversation, Turn } from "./model.ts";
import type { Reader, Reply } from "./reader.ts";
import { optionsAt, orFailed } from "./sdk.ts";
import { TOOLS } from "./tools.ts";

/** A conversation over the Messages API. */
export function anthropicConversation(brief: Brief): Conversation {
  const client = new Anthropic(optionsAt(""));
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
      return orFailed(APIError, async () => {
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
  const client = new Anthropic(optionsAt(""));
  return (message) =>
    orFailed<Reply>(APIError, async () => {
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

const NO_MESSAGE = "the server's answer is no message of this API";

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
