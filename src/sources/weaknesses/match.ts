import type { Observation } from "../../guest/observation.ts";
import { fulfils } from "../../guest/research/condition.ts";
import type { Weakness } from "./weakness.ts";

export { instanceOf } from "../../guest/research/condition.ts";

/** Does one observation bear the weakness out? The researcher inside the lab asks the same function. */
export function matches(weakness: Weakness, observation: Observation): boolean {
  return fulfils(weakness.when, observation);
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
