import type { ModelPrice } from "../config/price.ts";
import type { Amount } from "./budget.ts";
import type { Usage } from "./modelUsage.ts";

/**
 * Input written to Anthropic's cache costs up to twice its price (1.25 times for five minutes, twice for an hour), and `usage`
 * does not always say which: https://docs.claude.com/en/docs/build-with-claude/prompt-caching#pricing
 */
const CACHE_WRITE_FACTOR = 2;

/** What the vendor puts before a prompt that has tools, at most: https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview#pricing */
const TOOLS_PROMPT_TOKENS = 600;

/**
 * The most that a call can cost. A token stands for at least one byte of the request's text, and what a vendor puts around a
 * message is shorter than the JSON around it. With a hosted tool it is not the most: what the vendor's servers
 * then read by themselves is known only from the answer.
 *
 * @param body serialized as it will be sent. @param price undefined when no money is counted.
 */
export function largestCost(
  body: Uint8Array,
  { hasTools, outputTokensMax }: { hasTools: boolean; outputTokensMax: number },
  price: ModelPrice | undefined,
): Amount {
  const input = body.length + (hasTools ? TOOLS_PROMPT_TOKENS : 0);
  const usage: Usage = { input: 0, cachedInput: 0, cacheWrite: 0, output: outputTokensMax };
  if (Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes('"cache_control"'))
    usage.cacheWrite = input;
  else usage.input = input;
  return costOf(usage, price);
}

export function costOf(usage: Usage, price: ModelPrice | undefined): Amount {
  const { input, cachedInput, cacheWrite, output } = usage;
  const tokens = input + cachedInput + cacheWrite + output;
  if (price === undefined) return { tokens, micros: 0 };
  const { inputPerMTok, outputPerMTok, cachedInputPerMTok = inputPerMTok } = price;
  const fed = (input + CACHE_WRITE_FACTOR * cacheWrite) * inputPerMTok + cachedInput * cachedInputPerMTok;
  return { tokens, micros: Math.ceil(fed + output * outputPerMTok) };
}
