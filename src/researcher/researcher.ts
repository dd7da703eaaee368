import type { ResearchEnd } from "../guest/research/brief.ts";

/**
 * The researcher studies from inside the lab and only proposes. This side writes its brief, takes its candidates one
 * by one through the broker, and counts what it had to refuse. What a candidate is worth is decided by
 * `findings/verify.ts`, which looks at the observations and not at the researcher's words.
 */

/** A candidate as it came in: shape checked, meaning not. */
export type HandedIn = { weakness: string; observations: string[]; note: string };

export type Research = {
  candidates: HandedIn[];
  /** Messages of the researcher that were of another shape, too many, or came after its last word. */
  refused: number;
  end: ResearchEnd;
};
