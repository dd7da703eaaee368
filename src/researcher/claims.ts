import { inert } from "../base/text.ts";
import type { Cite, Reading, ReadingHeld } from "../guest/research/reading.ts";
import type { Handed } from "./library.ts";

/**
 * Claims of readers, held against the texts they were read in. A reader saw hostile words, so its answer counts for nothing but
 * what can be looked up: the id it chose was among those it was given, and its quotation stands in the document, byte for byte.
 * That a quotation means what the reader says is not checked here: it is shown to people beside the claim.
 */
export type Citation = {
  source: string;
  /** Of the text that was handed inside. */
  sha256: string;
  /** As the source writes its id. */
  document: string;
  question: Reading["question"];
  /** Words of the source: data, shown inert. */
  quote: string;
  /** Where the quotation begins in the document's text, in UTF-16 code units; -1 when it stands in the title. */
  start: number;
  /** When the source last stood for this text. */
  asOf: string;
};

/** What was read and what came of it. */
export type ReadingTally = {
  /** Documents that a reader answered about. */
  documents: number;
  /** Claims that hold. */
  claims: number;
  /** Claims that do not: made up, by the reader or by what it read. */
  dropped: number;
  /** Readers that tried to call a tool, which they do not have. */
  acted: number;
  /** Readers that gave no answer that could be used. */
  unread: number;
};

export type Claims = {
  /** Null when the text was not handed to this sandbox, or has no such document. */
  take(reading: Reading, handed: Handed | undefined): ReadingHeld | null;
  /** What a candidate cites; in words why not, when one of them does not hold. */
  cited(
    weakness: string,
    cites: readonly Cite[],
    isHanded: (sha256: string) => boolean,
  ): { status: "held"; citations: Citation[] } | { status: "refused"; reason: string };
  tally(): ReadingTally;
};

const CLAIMS_MAX = 2_000;

export function claims(): Claims {
  const held = new Map<string, { weakness: string; citation: Citation }>();
  const tally: ReadingTally = { documents: 0, claims: 0, dropped: 0, acted: 0, unread: 0 };
  return {
    take(reading, handed) {
      const documents = handed?.documents.filter(({ id }) => inert(id) === reading.document) ?? [];
      if (handed === undefined || documents.length === 0) return null;
      if (reading.outcome === "answered") tally.documents++;
      else if (reading.outcome === "acted") tally.acted++;
      else tally.unread++;
      const shown: ReadingHeld["claims"] = [];
      for (const { weakness, quote } of reading.outcome === "answered" ? reading.claims : []) {
        const start = documents.map((document) => startOf(quote, document)).find((one) => one !== null);
        if (start === undefined || !reading.about.includes(weakness) || held.size >= CLAIMS_MAX) continue;
        const claim = `c${held.size + 1}`;
        const { source, asOf } = handed;
        const { sha256, question } = reading;
        held.set(claim, {
          weakness,
          citation: { source, sha256, document: reading.document, question, quote, start, asOf },
        });
        shown.push({ claim, weakness });
      }
      const dropped = reading.claims.length - shown.length;
      tally.claims += shown.length;
      tally.dropped += dropped;
      return { claims: shown, dropped };
    },
    cited(weakness, cites, isHanded) {
      const citations: Citation[] = [];
      for (const { claim, sha256 } of cites) {
        if (!isHanded(sha256)) return { status: "refused", reason: "it cites a text that was never fetched" };
        const found = held.get(claim);
        if (found?.citation.sha256 !== sha256)
          return { status: "refused", reason: "it cites a claim that nobody made" };
        if (found.weakness !== weakness)
          return { status: "refused", reason: "it cites a claim about another weakness" };
        citations.push(found.citation);
      }
      return { status: "held", citations };
    },
    tally: () => ({ ...tally }),
  };
}

/** Where the quotation stands, on one line of what the reader was shown; null when it does not. */
function startOf(quote: string, { title, text }: Handed["documents"][number]): number | null {
  if (quote.includes("\n")) return null;
  const start = text
    .split("\n")
    .map((line) => inert(line, text.length))
    .join("\n")
    .indexOf(quote);
  if (start >= 0) return start;
  return inert(title).includes(quote) ? -1 : null;
}
