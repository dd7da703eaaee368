import { z } from "zod";

/** What a call cost in tokens; the four do not overlap. Reasoning is output. */
export type Usage = { input: number; cachedInput: number; cacheWrite: number; output: number };

/**
 * What a model's answer says it cost, read as it goes by: the `usage` of a JSON body, or of the events of a stream
 * (Anthropic: input at `message_start`, output growing in `message_delta`; OpenAI: one at the end).
 */
export type UsageReader = {
  take(chunk: Uint8Array): void;
  /** null when the answer did not say, or broke off before its end: what a part of it says is not what it cost. */
  usage(): Usage | null;
};

const HELD_BYTES_MAX = 16 * 1024 * 1024;

const Count = z.int().nonnegative().nullish();
const Details = z.object({ cached_tokens: Count }).nullish();
const Said = z.object({
  input_tokens: Count,
  cache_creation_input_tokens: Count,
  cache_read_input_tokens: Count,
  input_tokens_details: Details,
  prompt_tokens: Count,
  prompt_tokens_details: Details,
  output_tokens: Count,
  completion_tokens: Count,
});
const Holder = z.object({
  type: z.string().nullish(),
  usage: Said.nullish(),
  message: z.object({ usage: Said.nullish() }).nullish(),
  response: z.object({ usage: Said.nullish() }).nullish(),
});

/** The last event of a stream of each API; of Chat Completions it is a line of its own. */
const LAST_EVENTS: unknown[] = ["message_stop", "response.completed", "response.incomplete", "response.failed"];
const LAST_LINE = "[DONE]";
/** What makes an event worth parsing: the others are the answer's text. */
const WORTH_PARSING = /"usage"|"message_stop"|"response\./;

export function usageReader(isStreaming: boolean): UsageReader {
  const decoder = new TextDecoder();
  const told: Partial<Usage> = {};
  let held = "";
  let isEnded = !isStreaming;

  const look = (text: string): void => {
    if (text === LAST_LINE) isEnded = true;
    if (isStreaming && !WORTH_PARSING.test(text)) return;
    const holder = parse(text);
    if (isStreaming && LAST_EVENTS.includes(holder?.type)) isEnded = true;
    for (const said of [holder?.usage, holder?.message?.usage, holder?.response?.usage]) {
      if (said !== undefined && said !== null) take(told, said);
    }
  };
  return {
    take(chunk) {
      held += decoder.decode(chunk, { stream: true });
      if (held.length > HELD_BYTES_MAX) held = "";
      if (!isStreaming) return;
      const lines = held.split("\n");
      held = lines.pop() ?? "";
      for (const line of lines) if (line.startsWith("data:")) look(line.slice(5).trim());
    },
    usage() {
      if (!isStreaming) look(held);
      const { input, output, cachedInput = 0, cacheWrite = 0 } = told;
      return !isEnded || input === undefined || output === undefined
        ? null
        : { input, output, cachedInput, cacheWrite };
    },
  };
}

/** OpenAI counts what came from the cache within the input, Anthropic beside it. A later event has the larger, final counts. */
function take(told: Partial<Usage>, said: z.infer<typeof Said>): void {
  const within = (said.input_tokens_details ?? said.prompt_tokens_details)?.cached_tokens ?? 0;
  const input = said.input_tokens ?? said.prompt_tokens;
  const output = said.output_tokens ?? said.completion_tokens;
  if (input !== undefined && input !== null) told.input = Math.max(told.input ?? 0, input - Math.min(within, input));
  if (output !== undefined && output !== null) told.output = Math.max(told.output ?? 0, output);
  told.cachedInput = Math.max(told.cachedInput ?? 0, within, said.cache_read_input_tokens ?? 0);
  told.cacheWrite = Math.max(told.cacheWrite ?? 0, said.cache_creation_input_tokens ?? 0);
}

function parse(text: string): z.infer<typeof Holder> | undefined {
  try {
    return Holder.safeParse(JSON.parse(text)).data;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return undefined;
  }
}
