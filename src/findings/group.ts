import { hashOf } from "../base/hash.ts";
import type { Observation } from "../guest/observation.ts";
import { matches } from "../sources/weaknesses/match.ts";
import type { Weakness } from "../sources/weaknesses/weakness.ts";
import { fingerprintOf, identityOf } from "./fingerprint.ts";

/** Observations of one cycle that are one finding. Never empty, in the order of their ids, each only once. */
export type Group = { fingerprint: string; weakness: Weakness; observations: [Observation, ...Observation[]] };

/**
 * All that the observations bear out of one weakness: one group for the target, or one for each resource. The order
 * in which the observations came changes nothing.
 */
export function groupsOf(weakness: Weakness, observations: readonly Observation[], target: string): Group[] {
  const groups = new Map<string, Group>();
  const seen = new Set<string>();
  for (const observation of [...observations].sort(byId)) {
    if (!matches(weakness, observation)) continue;
    const hash = evidenceHash(observation);
    if (seen.has(hash)) continue;
    seen.add(hash);
    const fingerprint = fingerprintOf(identityOf(weakness, observation, target));
    const group = groups.get(fingerprint);
    if (group === undefined) groups.set(fingerprint, { fingerprint, weakness, observations: [observation] });
    else group.observations.push(observation);
  }
  return [...groups.values()];
}

/** SHA-256 over the observation's canonical JSON. Half a surrogate pair, which a guest may send, counts as U+FFFD. */
export function evidenceHash(observation: Observation): string {
  const { subject, detail } = observation;
  return hashOf({ ...observation, subject: subject.toWellFormed(), detail: detail.toWellFormed() });
}

/** By code unit, so that no locale decides. */
function byId(a: Observation, b: Observation): number {
  const left = `${a.id}\n${a.from}`;
  const right = `${b.id}\n${b.from}`;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
