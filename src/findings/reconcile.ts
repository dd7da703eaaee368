import type { CheckRun, Observation } from "../guest/observation.ts";
import type { Weakness } from "../sources/weaknesses/weakness.ts";
import type { Finding } from "./finding.ts";
import { groupsOf } from "./group.ts";
import { type Move, type Mover, move } from "./lifecycle.ts";
import { withOffer } from "./withOffer.ts";

/**
 * What was known and what this cycle saw, made one list. A finding of earlier cycles is present when the observations
 * still bear it out, also when no researcher named it again; it is resolved only when its own check ran to the end, from
 * every vantage it was seen from, and found nothing; in every other case it stays as it was and is counted as blind.
 */
export function reconcile(input: ReconcileInput): Reconciled {
  const found = new Map(input.found.map((finding) => [finding.id, finding]));
  const result: Reconciled = {
    findings: [],
    new: [],
    regressed: [],
    resolved: [],
    unchanged: [],
    blind: [],
    moves: [],
  };
  for (const before of input.previous) {
    const now = found.get(before.id);
    found.delete(before.id);
    settle(result, before, now, input);
  }
  for (const finding of found.values()) {
    result.findings.push(finding);
    result.new.push(finding.id);
    result.moves.push({
      finding: finding.id,
      event: "seen-present",
      from: null,
      to: finding.state,
      reason: "first seen",
    });
  }
  return result;
}

export type ReconcileInput = {
  /** Every finding of this stack that the store holds. */
  previous: readonly Finding[];
  /** Of this cycle, as `verify` made them. */
  found: readonly Finding[];
  observations: readonly Observation[];
  /** The coverage of this cycle, all vantages. */
  checks: readonly CheckRun[];
  catalogue: readonly Weakness[];
  /** Logical name of the stack. */
  target: string;
  cycle: string;
  at: Date;
};

/** Ids by what happened; each finding of `findings` is in exactly one of the five lists. */
export type Reconciled = {
  findings: Finding[];
  new: string[];
  regressed: string[];
  resolved: string[];
  /** Present as before, or absent as before. */
  unchanged: string[];
  /** Nothing can be said this cycle, and why. */
  blind: { finding: string; reason: string }[];
  /** Changes of state and first sightings, for the log. */
  moves: Move[];
};

function settle(result: Reconciled, before: Finding, now: Finding | undefined, input: ReconcileInput): void {
  const actor: Mover = { kind: "cycle", name: input.cycle };
  const look = now === undefined ? lookAgain(before, input) : PRESENT;
  const to = move(before.state, look.event, actor);
  const seen = { ...before, ...(look.event === "seen-present" ? seenAgain(before, now, input) : {}), state: to };
  // A cycle that could prove no offer says nothing about the one that was decided on.
  const offered = now?.mitigation === undefined ? { finding: seen } : withOffer(seen, now.mitigation, input.cycle);
  result.findings.push(offered.finding);
  if (offered.move !== undefined) result.moves.push(offered.move);
  if (to !== before.state)
    result.moves.push({ finding: before.id, event: look.event, from: before.state, to, reason: look.reason });
  if (look.event === "not-looked") result.blind.push({ finding: before.id, reason: look.reason });
  else if (to === before.state) result.unchanged.push(before.id);
  else if (look.event === "seen-present") result.regressed.push(before.id);
  else result.resolved.push(before.id);
}

type Look = { event: "seen-present" | "seen-absent" | "not-looked"; reason: string };

const PRESENT: Look = { event: "seen-present", reason: "the observations of this cycle bear it out" };

/** For a finding that nobody named this cycle: is it still there, is it gone, or did we not look? */
function lookAgain(before: Finding, input: ReconcileInput): Look {
  const weakness = input.catalogue.find((w) => w.id === before.weakness);
  if (weakness === undefined) return blind(`the catalogue no longer has ${before.weakness}`);
  if (groupsOf(weakness, input.observations, input.target).some((g) => g.fingerprint === before.id)) return PRESENT;

  const { check } = weakness.when;
  for (const vantage of new Set(before.evidence.map((e) => e.from))) {
    const runs = input.checks.filter((run) => run.check === check && run.from === vantage);
    if (runs.length === 0) return blind(`${check} was not run from ${vantage}`);
    const bad = runs.find((run) => run.status !== "ran");
    if (bad !== undefined) return blind(`${check} from ${vantage} ${bad.status}: ${bad.reason}`);
  }
  const unclear = before.evidence.find((e) =>
    input.observations.some((o) => o.id === e.observation && o.from === e.from && UNCLEAR.has(o.verdict)),
  );
  if (unclear !== undefined) return blind(`${unclear.observation} could not be told this time`);
  return { event: "seen-absent", reason: `${check} ran and did not see it` };
}

const UNCLEAR: ReadonlySet<Observation["verdict"]> = new Set(["not-measured", "contradictory"]);

function blind(reason: string): Look {
  return { event: "not-looked", reason };
}

/** Fresh facts, old identity: since when it is known stays, and for now what was offered. Seen but not named, all stays but the dates. */
function seenAgain(before: Finding, now: Finding | undefined, input: ReconcileInput): Partial<Finding> {
  const dates = { lastSeen: input.at.toISOString(), lastCycle: input.cycle };
  if (now === undefined) return dates;
  const { state: _state, firstSeen: _firstSeen, firstCycle: _firstCycle, mitigation: _mitigation, ...facts } = now;
  return { ...facts, ...dates };
}
