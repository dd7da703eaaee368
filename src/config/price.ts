import { z } from "zod";

/** What a model costs, in `currency` for a million tokens, as the vendor's price list has it. */
export const ModelPrice = z.strictObject({
  inputPerMTok: z.number().nonnegative().max(100_000),
  outputPerMTok: z.number().nonnegative().max(100_000),
  /** Of input read from the vendor's cache; counted as other input when it is not given. */
  cachedInputPerMTok: z.number().nonnegative().max(100_000).optional(),
});
export type ModelPrice = z.infer<typeof ModelPrice>;
