import { z } from "zod";
import { Observation } from "../observation.ts";

/**
 * What CONTROL gives the researcher to study, over `GET /v1/research/brief`. The weaknesses travel as plain rows: id,
 * title and condition; explanations and mitigations stay outside, where the finding is made.
 */
export const StudiedWeakness = z.strictObject({
  id: z.string().max(80),
  title: z.string().max(160),
  when: z.strictObject({
    check: z.string().max(100),
    verdict: z.array(Observation.shape.verdict),
    from: z.array(Observation.shape.from),
    access: Observation.shape.access.optional(),
    within: z.array(z.string()).optional(),
  }),
});
export type StudiedWeakness = z.infer<typeof StudiedWeakness>;

export const Brief = z.strictObject({
  mode: z.enum(["scripted", "anthropic", "openai"]),
  /** Empty when scripted. */
  model: z.string().max(120),
  /** The system prompt, from prompts/researcher.md. */
  prompt: z.string().max(20_000),
  /** Of those who read the sources, from prompts/reader.md. */
  readerPrompt: z.string().max(20_000),
  turnsMax: z.int().positive(),
  tokensPerTurnMax: z.int().positive(),
  observations: z.array(Observation).max(20_000),
  weaknesses: z.array(StudiedWeakness).max(500),
});
export type Brief = z.infer<typeof Brief>;

/** The researcher's last word, over `POST /v1/research/done`. */
export const ResearchEnd = z.strictObject({
  candidates: z.int().nonnegative(),
  turns: z.int().nonnegative(),
  /** `finished`, or why it ended before: the model declined, a budget was used up, the relay refused. */
  status: z.enum(["finished", "declined", "cut-by-budget", "failed"]),
  reason: z.string().max(400),
});
export type ResearchEnd = z.infer<typeof ResearchEnd>;
