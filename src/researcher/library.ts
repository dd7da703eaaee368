import type { SourceAsked } from "../egress/source/asked.ts";
import { textOf } from "../egress/source/kept.ts";
import type { SourceDocument } from "../sources/source.ts";

/**
 * What was handed inside during a cycle, by the gateway's word. A researcher may cite these texts and no others, and only what
 * was handed to its own sandbox.
 */
export type Library = {
  /** Takes the gateway's word of one asking. */
  hear(asked: SourceAsked): void;
  /** Everything that was asked, in order. */
  asked(): readonly SourceAsked[];
  /** A text that was handed to this sandbox; undefined when none of this hash was, or its bytes are gone. */
  handed(sandbox: string, sha256: string): Handed | undefined;
};

export type Handed = { source: string; asOf: string; documents: readonly SourceDocument[] };

/** More askings than a cycle's fetches, with those of copies: what comes after is counted by the gateway's own budget. */
const ASKED_MAX = 5_000;

/** @param directory where the gateway keeps sources. */
export function library(directory: string): Library {
  const all: SourceAsked[] = [];
  // Readings of one page follow on one another, and a page's text may be megabytes.
  let last: { sha256: string; documents: SourceDocument[] } | undefined;
  const documentsOf = (sha256: string): SourceDocument[] | undefined => {
    if (last?.sha256 === sha256) return last.documents;
    const documents = textOf(directory, sha256);
    last = documents === undefined ? undefined : { sha256, documents };
    return documents;
  };
  return {
    hear(asked) {
      if (all.length < ASKED_MAX) all.push(asked);
    },
    asked: () => all,
    handed(sandbox, sha256) {
      const found = all.find((asked) => asked.textSha256 === sha256 && asked.sandbox === sandbox);
      if (found === undefined) return undefined;
      const documents = documentsOf(sha256);
      return documents && { source: found.source, asOf: found.asOf ?? "", documents };
    },
  };
}
