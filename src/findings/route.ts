import { bounded, oneLine } from "../base/text.ts";
import type { Observation } from "../guest/observation.ts";
import type { Weakness } from "../sources/weaknesses/weakness.ts";
import { STAKE } from "./blastRadius.ts";

/** Of many alike resources the first few make the point; the evidence lists all. */
const RESOURCES_SHOWN = 5;

/** How one gets from inside the sandbox to what is at stake, one hop a line, from what was measured and nothing else. */
export function routeOf(weakness: Weakness, observations: readonly Observation[]): string[] {
  const isConfigured = observations.every((o) => o.from === "audit");
  const start = isConfigured
    ? "the stack's configuration, as the clone carries it"
    : "code that runs inside the agent's sandbox, steered by whatever the agent has read";
  const hops = observations.slice(0, RESOURCES_SHOWN).map(hop);
  const more = observations.length - RESOURCES_SHOWN;
  if (more > 0) hops.push(`and ${more} more like it, see the evidence`);
  return [start, ...hops, `at stake: ${STAKE[weakness.category]}`];
}

function hop(observation: Observation): string {
  const how = observation.access.length === 0 ? "" : `${[...observation.access].sort().join(", ")}: `;
  return bounded(oneLine(`${how}${observation.subject} (${OUTCOME[observation.verdict]})`), 300);
}

const OUTCOME: Record<Observation["verdict"], string> = {
  reachable: "it was reached",
  "decoy-reached": "our stand-in at this place answered",
  denied: "it was denied",
  absent: "it was not there",
  "not-measured": "it could not be asked",
  contradictory: "two views disagree",
};
