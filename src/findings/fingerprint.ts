import { hashOf } from "../base/hash.ts";
import type { Observation } from "../guest/observation.ts";
import { instanceOf } from "../sources/weaknesses/match.ts";
import type { Weakness } from "../sources/weaknesses/weakness.ts";

/**
 * What a finding is, over all cycles: the rule, on one stack, across one boundary, at one resource. Nothing that
 * changes by itself is part of it: no time, cycle, host, pid, version, detail, model's word or value of a fake. So the
 * same weakness is one finding in a thousand cycles, and two boundaries are never one.
 */
export type Identity = {
  rule: string;
  /** Logical name of the stack. */
  target: string;
  boundary: { from: "sandbox" | "configuration" | "lab" | "host"; to: string };
  /** The check's instance; `*` when the weakness is one for the whole target. */
  resource: string;
  /** The check whose answer decides. Not the list of verdicts: a catalogue may learn one more without renaming findings. */
  predicate: string;
};

/** `fp1:` and 64 hex digits. The prefix is the version of this rule; another rule gets another prefix and an alias table. */
export function fingerprintOf(identity: Identity): string {
  return `fp1:${hashOf(identity)}`;
}

export function identityOf(weakness: Weakness, observation: Observation, target: string): Identity {
  return {
    rule: weakness.id,
    target,
    boundary: { from: SIDE[observation.from], to: weakness.category },
    resource: weakness.one === "per-target" ? "*" : instanceOf(observation.id),
    predicate: weakness.when.check,
  };
}

/** A look from inside, one by pid from outside and a drill are three views of one boundary. */
const SIDE: Record<Observation["from"], Identity["boundary"]["from"]> = {
  target: "sandbox",
  outside: "sandbox",
  drill: "sandbox",
  audit: "configuration",
  lab: "lab",
  host: "host",
};
