import { z } from "zod";

/** What the study read, in the report: each source that was asked for, what readers made of it, and what candidates cite. */
export const SourceRow = z.strictObject({
  source: z.string(),
  fetched: z.int(),
  notModified: z.int(),
  copies: z.int(),
  excerpts: z.int(),
  failed: z.int(),
  unfit: z.int(),
  /** Of the newest text that was read; null when none was. */
  asOf: z.string().nullable(),
  isStale: z.boolean(),
  reason: z.string(),
});

/** A claim of a reader that a candidate rests on: the quotation was looked up, what it means was not. */
export const CitationRow = z.strictObject({
  weakness: z.string(),
  source: z.string(),
  /** The publisher's id, as the source writes it. */
  document: z.string(),
  question: z.string(),
  /** Words of the source. */
  quote: z.string(),
  /** Where it begins in the document's text; -1: in its title. */
  start: z.int(),
  /** Of the text as it was handed inside. */
  sha256: z.string(),
  asOf: z.string(),
});

export const Readings = z.strictObject({
  /** That a reader answered about. */
  documents: z.int(),
  claims: z.int(),
  /** Made up, by the reader or by what it read. */
  dropped: z.int(),
  /** Readers that called a tool, which they do not have: a sign of an instruction in a source. */
  acted: z.int(),
  unread: z.int(),
  /** Candidates refused because they cited what was not fetched or not claimed. */
  unfounded: z.int(),
});
export type Readings = z.infer<typeof Readings>;

/** In one or two sentences; empty when nothing was read. */
export function readingsText({ documents, claims, dropped, acted, unread, unfounded }: Readings): string {
  if (documents + acted + unread + unfounded === 0) return "";
  const signs = [
    [acted, "readers called a tool that they do not have"],
    [dropped, "claims quoted what does not stand in the document"],
    [unfounded, "candidates cited what was not fetched or not claimed"],
    [unread, "documents got no answer that could be used"],
  ] as const;
  const seen = signs.flatMap(([times, what]) => (times === 0 ? [] : [`${times} ${what}`]));
  const said = `Documents read by a model without tools: ${documents}, with ${claims} claims whose quotation was found.`;
  return seen.length === 0 ? said : `${said} Refused: ${seen.join("; ")}.`;
}
