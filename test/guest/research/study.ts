import type { Observation } from "../../../src/guest/observation.ts";
import type { Brief, StudiedWeakness } from "../../../src/guest/research/brief.ts";

export function row(id: string, over: Partial<Observation> = {}): Observation {
  return {
    id,
    category: "filesystem",
    subject: id,
    verdict: "reachable",
    access: ["read"],
    from: "target",
    detail: "",
    ...over,
  };
}

export function weakness(when: Partial<StudiedWeakness["when"]> = {}, id = "w-1"): StudiedWeakness {
  return { id, title: "W", when: { check: "file", verdict: ["reachable"], from: ["target"], ...when } };
}

export function brief(over: Partial<Brief> = {}): Brief {
  return {
    mode: "anthropic",
    model: "m-1",
    prompt: "p",
    readerPrompt: "r",
    turnsMax: 5,
    tokensPerTurnMax: 100,
    observations: [],
    weaknesses: [],
    ...over,
  };
}
