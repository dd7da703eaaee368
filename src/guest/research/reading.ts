import { z } from "zod";

/**
 * What may be asked of a document, and what may come back. A document is text of people nobody knows, so the model that decides
 * never sees a word of it: another one reads, which has no tools, one document, one question and no memory. Its answer is a
 * choice among ids of ours, each with a quotation; CONTROL looks the quotation up in the very text that was fetched, and
 * the deciding model learns the ids alone (the dual-model pattern of arXiv 2506.08837, with the data flow of CaMeL, arXiv 2503.18813).
 */
export const QUESTIONS = {
  describes: "Which of the weaknesses below does the document describe?",
  exploited: "Which of the weaknesses below does the document say are being used by attackers?",
  prevented: "For which of the weaknesses below does the document name a measure against it?",
} as const;
export const Question = z.enum(["describes", "exploited", "prevented"]);
export type Question = z.infer<typeof Question>;

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Shorter ones could be anybody's. */
const QUOTE_CHARACTERS_MIN = 12;

/** The reader's whole vocabulary: an id it was given, and words that stand in the document, on one line. */
export const ReaderAnswer = z.strictObject({
  claims: z
    .array(z.strictObject({ weakness: z.string().max(80), quote: z.string().min(QUOTE_CHARACTERS_MIN).max(300) }))
    .max(20),
});
export type ReaderAnswer = z.infer<typeof ReaderAnswer>;

/** One document as it was read, over `POST /v1/research/reading`. */
export const Reading = z.strictObject({
  /** Of the text that the gateway handed in. */
  sha256: Sha256,
  document: z.string().max(120),
  question: Question,
  /** The ids that the reader could choose from. */
  about: z.array(z.string().max(80)).min(1).max(10),
  /** `acted`: it tried to call a tool, and it has none. `unfit`: its answer has another shape. */
  outcome: z.enum(["answered", "acted", "unfit", "declined", "cut", "failed"]),
  claims: ReaderAnswer.shape.claims,
});
export type Reading = z.infer<typeof Reading>;

/** CONTROL's answer to a reading, and all that the deciding model learns of a document: ids of ours, none of its words. */
export const ReadingHeld = z.strictObject({
  claims: z.array(z.strictObject({ claim: z.string().max(12), weakness: z.string().max(80) })).max(20),
  /** Claims whose quotation does not stand in the document, or that chose another id: somebody made them up. */
  dropped: z.int(),
});
export type ReadingHeld = z.infer<typeof ReadingHeld>;

/** How a candidate cites: the claim, and the text that it was read in. */
export const Cite = z.strictObject({ claim: z.string().max(12), sha256: Sha256 });
export type Cite = z.infer<typeof Cite>;
