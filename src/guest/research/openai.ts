import OpenAI, { APIError } from "openai";
import { z } from "zod";
import type { Brief } from "./brief.ts";
import type { Conversation, Turn } from "./model.ts";
import type { Reader, Reply } from "./reader.ts";
import { optionsAt, orFailed } from "./sdk.ts";
import { TOOLS } from "./tools.ts";

/** A conversation over the Chat Completions API, which every compatible server speaks. The key is the gateway's. */
export function openaiConversation(brief: Brief): Conversation {
  const client = new OpenAI(optionsAt("/v1"));
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    { role: "system", content: brief.prompt },
    { role: "user", content: "Study the boundary and hand in your candidates." },
  ];
  return {
    async next(answers) {
      for (const { id, text } of answers) messages.push({ role: "tool", tool_call_id: id, content: text });
      return orFailed(APIError, async () => {
        const completion = await client.chat.completions.create({
          model: brief.model,
          // Not `max_tokens`: the vendor's reasoning models refuse that one.
          max_completion_tokens: brief.tokensPerTurnMax,
          tools: TOOLS.map(({ name, description, parameters }) => ({
            type: "function",
            function: { name, description, parameters },
          })),
          messages,
        });
        const said = Said.safeParse(completion).data?.choices[0];
        const message = completion.choices?.[0]?.message;
        if (said === undefined || message === undefined) return { status: "failed", reason: NO_COMPLETION };
        messages.push(message);
        return turnOf(said, brief);
      });
    },
  };
}

/** One message to a model that has no tools. */
export function openaiReader(brief: Brief): Reader {
  const client = new OpenAI(optionsAt("/v1"));
  return (message) =>
    orFailed<Reply>(APIError, async () => {
      const completion = await client.chat.completions.create({
        model: brief.model,
        max_completion_tokens: brief.tokensPerTurnMax,
        messages: [
          { role: "system", content: brief.readerPrompt },
          { role: "user", content: message },
        ],
      });
      const said = Said.safeParse(completion).data?.choices[0];
      if (said === undefined) return { status: "failed", reason: NO_COMPLETION };
      const turn = turnOf(said, brief);
      if (turn.status === "calls") return { status: "acted" };
      return turn.status === "ended" ? { status: "said", text: said.message.content ?? "" } : turn;
    });
}

const NO_COMPLETION = "the server's answer is no completion of this API";

/** What is used of a completion; the SDK does not check it. */
const Choice = z.object({
  finish_reason: z.string().nullish(),
  message: z.object({
    content: z.string().nullish(),
    refusal: z.string().nullish(),
    tool_calls: z
      .array(
        z.object({
          id: z.string().max(200),
          function: z.object({ name: z.string().max(200), arguments: z.string() }).optional(),
        }),
      )
      .nullish(),
  }),
});
const Said = z.object({ choices: z.array(Choice).min(1) });

function turnOf({ finish_reason, message }: z.infer<typeof Choice>, { tokensPerTurnMax }: Brief): Turn {
  if (typeof message.refusal === "string" && message.refusal !== "")
    return { status: "declined", reason: "the model declined this work" };
  if (finish_reason === "content_filter")
    return { status: "declined", reason: "the vendor's filter held the answer back" };
  const calls = (message.tool_calls ?? []).map((call) => ({
    id: call.id,
    name: call.function?.name ?? "",
    input: parsed(call.function?.arguments ?? ""),
  }));
  if (calls.length > 0) return { status: "calls", calls };
  if (finish_reason !== "length") return { status: "ended" };
  return { status: "cut", reason: `an answer came to its limit of ${tokensPerTurnMax} tokens` };
}

/** Arguments are text from a model: what is no JSON is handed on as nothing, and the tool says that it does not fit. */
function parsed(text: string): unknown {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}
