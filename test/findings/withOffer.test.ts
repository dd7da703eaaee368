import { expect, test } from "vitest";
import type { FindingState, MitigationOffer } from "../../src/findings/finding.ts";
import { withOffer } from "../../src/findings/withOffer.ts";
import { CYCLE, findingsOf, SOCKET } from "./sample.ts";

const OFFER: MitigationOffer = {
  id: "test.change",
  title: "A change",
  effects: [],
  files: ["workspace/f"],
  applyScript: "apply",
  reverseScript: "reverse",
  diff: "",
  roundTrip: { status: "proved", reason: "", steps: [] },
};

function finding(state: FindingState) {
  const [one] = findingsOf([SOCKET]);
  if (one === undefined) throw new Error("no finding");
  return { ...one, state, mitigation: OFFER };
}

test.each<[string, FindingState, MitigationOffer | undefined, FindingState]>([
  ["the same scripts", "approved", OFFER, "approved"],
  ["one byte more in apply", "approved", { ...OFFER, applyScript: "apply " }, "open"],
  ["one byte more in reverse", "approved", { ...OFFER, reverseScript: "reverse " }, "open"],
  ["no offer any more", "approved", undefined, "open"],
  ["other scripts", "rejected", { ...OFFER, applyScript: "x" }, "open"],
  ["other scripts", "suppressed", { ...OFFER, applyScript: "x" }, "suppressed"],
  ["other scripts", "open", { ...OFFER, applyScript: "x" }, "open"],
])("%s for a finding that is %s", (_, state, offer, expected) => {
  const result = withOffer(finding(state), offer, CYCLE);
  expect(result.finding.state).toBe(expected);
  expect(result.finding.mitigation).toEqual(offer);
  expect(result.move?.event).toBe(state === expected ? undefined : "offer-changed");
});
