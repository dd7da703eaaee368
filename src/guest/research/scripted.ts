import type { Brief } from "./brief.ts";
import { fulfils } from "./condition.ts";
import type { Cite } from "./reading.ts";

export type ProposedCandidate = { weakness: string; observations: string[]; note: string; cites: Cite[] };

/** As many as the broker takes in one candidate. */
export const CITED_MAX = 200;

/** The deterministic researcher: for every weakness of the catalogue, the observations that fulfil its condition. */
export function scripted({
  observations,
  weaknesses,
}: Pick<Brief, "observations" | "weaknesses">): ProposedCandidate[] {
  return weaknesses.flatMap(({ id, when }) => {
    const cited = [...new Set(observations.filter((row) => fulfils(when, row)).map((row) => row.id))];
    return inParts(cited).map((part) => ({ weakness: id, observations: part, note: "", cites: [] }));
  });
}

function inParts(ids: string[]): string[][] {
  const parts: string[][] = [];
  for (let start = 0; start < ids.length; start += CITED_MAX) parts.push(ids.slice(start, start + CITED_MAX));
  return parts;
}
