import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Fingerprint } from "../../src/findings/finding.ts";
import type { Observation } from "../../src/guest/observation.ts";
import { AT, CLOUD, CYCLE, findingsOf, SAMPLE, SOCKET } from "./sample.ts";

const ids = (observations: readonly Observation[], ...rest: [string?, string?, Date?]) =>
  findingsOf(observations, ...rest)
    .map((f) => f.id)
    .sort();

test("a fingerprint has its version and its form", () => {
  for (const id of ids(SAMPLE)) expect(Fingerprint.safeParse(id).success).toBe(true);
});

test("this fingerprint is written down: a change of the rule must be a new version", () => {
  expect(ids([SOCKET])).toEqual(["fp1:120af27ee1de268046e874d2f4359330ae7ef03def49a6ff764c012d3699f93a"]);
});

test("order, times, cycles, details and subjects change no fingerprint", () => {
  const known = ids(SAMPLE);
  fc.assert(
    fc.property(
      fc.shuffledSubarray([...SAMPLE], { minLength: SAMPLE.length }),
      fc.string({ maxLength: 80 }),
      fc.string({ maxLength: 80 }),
      fc.date({ noInvalidDate: true, min: new Date("2000-01-01"), max: new Date("2100-01-01") }),
      (shuffled, subject, detail, at) => {
        const other = shuffled.map((o) => ({ ...o, subject, detail }));
        expect(ids(other, "demo", "c20300101-000000-000000", at)).toEqual(known);
      },
    ),
  );
});

test("that a stand-in answered, or the thing itself, is the same finding", () => {
  expect(ids([{ ...SOCKET, verdict: "reachable" }])).toEqual(ids([SOCKET]));
});

test("more access is the same finding, so that a decision on it is not lost", () => {
  expect(ids([{ ...CLOUD, access: ["read", "write"] }])).toEqual(ids([CLOUD]));
});

test.each<[string, Observation, string]>([
  ["another resource", { ...SOCKET, id: "engine-socket:/srv/odd.sock" }, "demo"],
  ["another stack", SOCKET, "other"],
])("%s is another finding", (_, observation, target) => {
  expect(ids([observation], target, CYCLE, AT)).not.toEqual(ids([SOCKET]));
});

test("one more file of one target is no new finding", () => {
  const more = { ...CLOUD, id: "cloud-credential-file:~/.config/gcloud/credentials.db" };
  expect(ids([CLOUD, more])).toEqual(ids([CLOUD]));
});
