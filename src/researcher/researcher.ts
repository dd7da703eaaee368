import type { SourceAsked } from "../egress/source/asked.ts";
import type { ResearchEnd } from "../guest/research/brief.ts";
import type { Citation, ReadingTally } from "./claims.ts";

/**
 * The researcher studies from inside the lab and only proposes. This side writes its brief, takes its candidates one
 * by one through the broker, and counts what it had to refuse. What a candidate is worth is decided by
 * `findings/verify.ts`, which looks at the observations and not at the researcher's words. What it cites is held against the
 * texts that the gateway handed inside: claims.ts.
 */

/** A candidate as it came in: shape checked, meaning not. */
export type HandedIn = { weakness: string; observations: string[]; note: string; citations: Citation[] };

export type Research = {
  candidates: HandedIn[];
  /** Messages of the researcher that were of another shape, too many, or came after its last word. */
  refused: number;
  /** Candidates that cited what was not fetched, not claimed, or claimed of something else. Among the refused. */
  unfounded: number;
  read: ReadingTally;
  /** Each time a source was asked for, by the gateway's word. */
  asked: readonly SourceAsked[];
  end: ResearchEnd;
};
