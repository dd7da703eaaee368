import { checkOf, type Observation } from "../../guest/observation.ts";
import type { Weakness } from "./weakness.ts";

/**
 * Does one observation fulfil a weakness's condition? Pure, and needing nothing of Node, so that the researcher
 * inside the lab and the verification outside ask the very same question.
 */
export function matches(weakness: Weakness, observation: Observation): boolean {
  const { when } = weakness;
  if (checkOf(observation.id) !== when.check) return false;
  if (!when.verdict.includes(observation.verdict)) return false;
  if (!when.from.includes(observation.from)) return false;
  if (when.within !== undefined && !isWithin(instanceOf(observation.id), when.within)) return false;
  return (when.access ?? []).every((access) => observation.access.includes(access));
}

/** The candidates that the observations bear out, one for each weakness that has any: all that a scripted researcher does. */
export function matching(
  catalogue: readonly Weakness[],
  observations: readonly Observation[],
): { weakness: Weakness; observations: Observation[] }[] {
  return catalogue
    .map((weakness) => ({ weakness, observations: observations.filter((o) => matches(weakness, o)) }))
    .filter((found) => found.observations.length > 0);
}

/** What the check looked at: the id after its first colon, empty when the check has one instance. */
export function instanceOf(id: string): string {
  const colon = id.indexOf(":");
  return colon < 0 ? "" : id.slice(colon + 1);
}

function isWithin(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`));
}
