import { z } from "zod";

/**
 * What CONTROL is told each time someone inside asked for a source that there is: what came of it, and the hash of the text
 * that was handed inside. It is the gateway's word, so what a researcher later cites is held against it.
 */
export const SourceAsked = z.strictObject({
  sandbox: z.string().max(200),
  /** Id of a source in the gateway's list. */
  source: z.string().max(60),
  outcome: z.enum([
    /** Came from the source just now. */
    "fetched",
    /** The source said that the copy still holds. */
    "not-modified",
    /** The copy was so young that the source was not asked. */
    "young",
    /** The copy, because it was asked for by name. */
    "kept",
    /** The excerpt that comes with weakdoor. */
    "snapshot",
    "failed",
  ]),
  /** Of the documents as they are kept; null when nothing was handed inside. */
  textSha256: z.string().length(64).nullable(),
  /** When the source last stood for this text: ISO 8601, a day for an excerpt; null when nothing was handed inside. */
  asOf: z.string().max(40).nullable(),
  /** Why it failed; empty otherwise. */
  reason: z.string().max(400),
  at: z.iso.datetime(),
});
export type SourceAsked = z.infer<typeof SourceAsked>;
