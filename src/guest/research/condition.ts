import { checkOf, type Observation } from "../observation.ts";
import type { StudiedWeakness } from "./brief.ts";

/**
 * Does one observation fulfil a weakness's condition? Here, below both who ask, so that the researcher inside the lab
 * and the verification outside ask the very same question.
 */
export function fulfils(when: StudiedWeakness["when"], observation: Observation): boolean {
  if (checkOf(observation.id) !== when.check) return false;
  if (!when.verdict.includes(observation.verdict)) return false;
  if (!when.from.includes(observation.from)) return false;
  if (when.within !== undefined && !isWithin(instanceOf(observation.id), when.within)) return false;
  return (when.access ?? []).every((access) => observation.access.includes(access));
}

/** What the check looked at: the id after its first colon, empty when the check has one instance. */
export function instanceOf(id: string): string {
  const colon = id.indexOf(":");
  return colon < 0 ? "" : id.slice(colon + 1);
}

function isWithin(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`));
}
