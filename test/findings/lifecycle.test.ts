import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FindingState } from "../../src/findings/finding.ts";
import {
  decisionFor,
  FINDING_EVENTS,
  type FindingEvent,
  IllegalTransition,
  type Mover,
  move,
} from "../../src/findings/lifecycle.ts";

const cycle: Mover = { kind: "cycle", name: "c1" };
const person: Mover = { kind: "person", name: "ada" };
const model: Mover = { kind: "model", name: "m" };
const STATES = FindingState.options;

test.each<[FindingState, FindingEvent, Mover, FindingState]>([
  ["open", "seen-present", cycle, "open"],
  ["open", "seen-absent", cycle, "resolved"],
  ["approved", "seen-absent", cycle, "resolved"],
  ["rejected", "seen-absent", cycle, "resolved"],
  ["suppressed", "seen-absent", cycle, "resolved"],
  ["resolved", "seen-present", cycle, "regressed"],
  ["regressed", "seen-absent", cycle, "resolved"],
  ["open", "approve", person, "approved"],
  ["regressed", "approve", person, "approved"],
  ["approved", "reject", person, "rejected"],
  ["rejected", "reopen", person, "open"],
  ["approved", "offer-changed", cycle, "open"],
  ["rejected", "offer-changed", cycle, "open"],
  ["suppressed", "suppression-ended", cycle, "open"],
])("%s and %s: the table says where to", (from, event, actor, to) => {
  expect(move(from, event, actor)).toBe(to);
});

test.each<[FindingState, FindingEvent, Mover]>([
  ["resolved", "approve", person],
  ["rejected", "approve", person],
  ["open", "approve", cycle],
  ["open", "reject", { kind: "gateway", name: "g" }],
  ["open", "seen-absent", person],
  ["open", "suppression-ended", cycle],
])("%s cannot take %s from this actor", (from, event, actor) => {
  expect(() => move(from, event, actor)).toThrow(IllegalTransition);
});

test("a model moves nothing, from no state, by no event", () => {
  for (const from of STATES)
    for (const event of FINDING_EVENTS) expect(() => move(from, event, model)).toThrow(IllegalTransition);
});

test("not having looked changes no state", () => {
  for (const from of STATES) expect(move(from, "not-looked", cycle)).toBe(from);
});

test("nobody can ask for resolved or regressed", () => {
  expect(() => decisionFor("resolved")).toThrow(IllegalTransition);
  expect(() => decisionFor("regressed")).toThrow(IllegalTransition);
  expect(move("open", decisionFor("approved"), person)).toBe("approved");
});

test("over any history, approved and rejected are reached by a person alone, and resolved by a look alone", () => {
  const actors: Mover[] = [cycle, person, model, { kind: "schedule", name: "s" }];
  const step = fc.record({ event: fc.constantFrom(...FINDING_EVENTS), actor: fc.constantFrom(...actors) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (history) => {
      let state: FindingState = "open";
      for (const { event, actor } of history) {
        const next = attempt(state, event, actor);
        expect(next === state || isDue(state, next, event, actor)).toBe(true);
        state = next;
      }
    }),
    { numRuns: 500 },
  );
});

function attempt(from: FindingState, event: FindingEvent, actor: Mover): FindingState {
  try {
    return move(from, event, actor);
  } catch (thrown) {
    if (thrown instanceof IllegalTransition) return from;
    throw thrown;
  }
}

function isDue(from: FindingState, to: FindingState, event: FindingEvent, actor: Mover): boolean {
  switch (to) {
    case "approved":
    case "rejected":
    case "suppressed":
      return actor.kind === "person";
    case "resolved":
      return actor.kind === "cycle" && event === "seen-absent";
    case "regressed":
      return actor.kind === "cycle" && event === "seen-present" && from === "resolved";
    case "open":
      return actor.kind === "person" || event === "offer-changed" || event === "suppression-ended";
  }
}
