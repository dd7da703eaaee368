import { bounded, count, oneLine } from "../base/text.ts";
import type { Category, Observation } from "../guest/observation.ts";
import type { Weakness } from "../sources/weaknesses/weakness.ts";

export type BlastRadius = { summary: string; reaches: string[] };

/**
 * What was shown to be within reach, and what it stands for. Only what was measured is counted: the list is a lower
 * bound, and says so.
 */
export function blastRadiusOf(weakness: Weakness, observations: readonly Observation[]): BlastRadius {
  const accesses = [...new Set(observations.flatMap((o) => o.access))].sort();
  const how = accesses.length === 0 ? "" : ` (${accesses.join(", ")})`;
  const resources = new Set(observations.map((o) => o.id)).size;
  return {
    summary: `${count(resources, "resource")} measured within reach${how}; at stake: ${STAKE[weakness.category]}; at least this`,
    reaches: [...new Set(observations.map(reach))].slice(0, 200),
  };
}

/** What lies behind a boundary of this category. */
export const STAKE: Record<Category, string> = {
  filesystem: "files and programs outside the sandbox",
  secrets: "accounts and services that the credential opens",
  network: "services that trust whoever can call them",
  process: "the kernel and the processes that the sandbox shares with its host",
  "tool-plane": "whatever the agent's tools can do with the person's rights",
  memory: "later sessions, and the person's own tools outside",
  "cross-boundary": "a service of the host that acts for whoever connects",
};

function reach(observation: Observation): string {
  const how = observation.access.length === 0 ? observation.verdict : [...observation.access].sort().join(", ");
  return bounded(oneLine(`${observation.subject} [${observation.id}]: ${how}`), 300);
}
