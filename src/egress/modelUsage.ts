import { z } from "zod";

/**
 * What a model's answer says it cost, read as it goes by: the `usage` of a JSON body, or of the events of a stream
 * (Anthropic: input at `message_start`, output growing in `message_delta`; OpenAI: one at the end).
 */
export type UsageReader = {
  take(chunk: Uint8Array): void;
  /** Tokens in and out together; null when the answer never said. */
  tokens(): number | null;
};

const HELD_BYTES_MAX = 16 * 1024 * 1024;

const Amount = z.number().nonnegative().nullish();
const Usage = z.object({
  input_tokens: Amount,
  cache_creation_input_tokens: Amount,
  cache_read_input_tokens: Amount,
  prompt_tokens: Amount,
  output_tokens: Amount,
  completion_tokens: Amount,
});
const Holder = z.object({
  usage: Usage.nullish(),
  message: z.object({ usage: Usage.nullish() }).nullish(),
  response: z.object({ usage: Usage.nullish() }).nullish(),
});

export function usageReader(isStreaming: boolean): UsageReader {
  const decoder = new TextDecoder();
  let held = "";
  let input: number | null = null;
  let output: number | null = null;

  const look = (text: string) => {
    const holder = parse(text);
    for (const usage of [holder?.usage, holder?.message?.usage, holder?.response?.usage]) {
      if (usage === undefined || usage === null) continue;
      const fed = (usage.input_tokens ?? usage.prompt_tokens ?? 0) + cached(usage);
      input = Math.max(input ?? 0, fed);
      output = Math.max(output ?? 0, usage.output_tokens ?? usage.completion_tokens ?? 0);
    }
  };
  return {
    take(chunk) {
      held += decoder.decode(chunk, { stream: true });
      if (held.length > HELD_BYTES_MAX) held = "";
      if (!isStreaming) return;
      const lines = held.split("\n");
      held = lines.pop() ?? "";
      for (const line of lines) if (line.startsWith("data:") && line.includes('"usage"')) look(line.slice(5));
    },
    tokens() {
      if (!isStreaming) look(held);
      return input === null && output === null ? null : (input ?? 0) + (output ?? 0);
    },
  };
}

function cached(usage: z.infer<typeof Usage>): number {
  return (usage.cache_creation_input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0);
}

function parse(text: string): z.infer<typeof Holder> | undefined {
  try {
    return Holder.safeParse(JSON.parse(text)).data;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return undefined;
  }
}
