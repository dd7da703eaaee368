import { checkOf, type Observation } from "../observation.ts";
import type { Brief, StudiedWeakness } from "./brief.ts";

export type ProposedCandidate = { weakness: string; observations: string[]; note: string };

/** The deterministic researcher: every weakness of the catalogue against every observation, one candidate for each match. */
export function scripted(brief: Pick<Brief, "observations" | "weaknesses">): ProposedCandidate[] {
  const candidates: ProposedCandidate[] = [];
  for (const weakness of brief.weaknesses) {
    for (const observation of brief.observations) {
      if (!bears(weakness, observation)) continue;
      candidates.push({ weakness: weakness.id, observations: [observation.id], note: "" });
    }
  }
  return candidates;
}

function bears({ when }: StudiedWeakness, observation: Observation): boolean {
  return (
    checkOf(observation.id) === when.check &&
    when.verdict.includes(observation.verdict) &&
    when.from.includes(observation.from) &&
    (when.access ?? []).every((access) => observation.access.includes(access))
  );
}
