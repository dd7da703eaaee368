import { describe, expect, test } from "vitest";
import type { Finding } from "../../src/findings/finding.ts";
import { doubts, inOrder, notRun, Report } from "../../src/report/report.ts";
import { changeOf, taskOf, withTask } from "../../src/report/task.ts";
import { sampleReport } from "../support/reportFixture.ts";

const sample = sampleReport();
const [socket, credentials, server, gone] = sample.findings as [Finding, Finding, Finding, Finding];

test("the sample is a report, so what these tests show holds for real ones", () => {
  expect(Report.parse(sample)).toEqual(sample);
});

test("a report about which nothing is in doubt has no doubt", () => {
  expect(doubts(sample)).toEqual([]);
});

describe("a doubt", () => {
  const drill = { carrier: "canary-host", latencyMs: null, leaf: null, detail: "no alarm within 2000 ms" };
  const lab = { ...sample.lab, isWeak: true, why: "only bubblewrap is here" };
  const ended = (status: "destroyed" | "unverified") => sample.certificates.map((one) => ({ ...one, status }));
  test.each([
    [
      "a trap that did not catch",
      { preflight: [{ what: "t", status: "refuted", detail: "d" }] },
      "Preflight: t (refuted): d",
    ],
    [
      "a trap that was not tried",
      { preflight: [{ what: "t", status: "not-run", detail: "d" }] },
      "Preflight: t (not-run): d",
    ],
    ["no trap at all", { preflight: [] }, "No trap of the preflight was tried."],
    ["no kill drill", { killDrillMs: null }, "The kill drill was not run."],
    [
      "a silent drill",
      { drills: [{ ...drill, status: "silent" }] },
      "The canary-host drill was silent: no alarm within 2000 ms",
    ],
    [
      "a drill that was not run",
      { drills: [{ ...drill, status: "not-run" }] },
      "The canary-host drill was not-run: no alarm within 2000 ms",
    ],
    ["no drill at all", { drills: [] }, "No tripwire was drilled."],
    [
      "a lab not shown to be within",
      { subset: { ...sample.subset, status: "not-run", detail: "why" } },
      "That the lab is within the target: not-run: why",
    ],
    ["a weak lab", { lab }, "The lab ran weaker than its minimum: only bubblewrap is here"],
    [
      "a target that widened",
      { persisted: { widened: ["a:b"], narrowed: [] } },
      "The target let more through at the end than at the start: a:b",
    ],
    [
      "a researcher that was cut",
      { research: { ...sample.research, end: "declined: no" } },
      "The researcher did not finish: declined: no",
    ],
    ["no certificate", { certificates: [] }, "No sandbox has a certificate of its end."],
    ["nothing looked at", { coverage: [] }, "No check ran: nothing was looked at."],
    ["nothing but what did not run", { coverage: notRun(sample) }, "No check ran: nothing was looked at."],
  ])("is %s", (_, over, sentence) => {
    expect(doubts(sampleReport(over as Partial<Report>))).toEqual([sentence]);
  });

  test("is each sandbox whose end could not be shown", () => {
    expect(doubts(sampleReport({ certificates: ended("unverified") }))).toEqual([
      "wd-c1-lab-1 is UNVERIFIED: its end could not be shown.",
      "wd-c1-target-1 is UNVERIFIED: its end could not be shown.",
    ]);
    expect(doubts(sampleReport({ certificates: ended("destroyed") }))).toEqual([]);
  });
});

test("what did not simply run is told apart from what ran", () => {
  expect(notRun(sample).map(({ check, status }) => `${check} ${status}`)).toEqual([
    "network-route skipped",
    "lsm degraded",
  ]);
});

test("what asks something of people stands first, then the worst, whatever order they came in", () => {
  const expected = [socket, credentials, server, gone].map(({ id }) => id);
  expect(inOrder(sample.findings).map(({ id }) => id)).toEqual(expected);
  expect(inOrder([...sample.findings].toReversed()).map(({ id }) => id)).toEqual(expected);
  const same = ["b", "B", "ä", "a"].map((title) => ({ ...socket, title }));
  expect(inOrder(same).map(({ title }) => title)).toEqual(["B", "a", "b", "ä"]);
});

test.each([
  ["open", "proved", "decide"],
  ["open", "refuted", "by-hand"],
  ["open", "not-run", "by-hand"],
  ["open", undefined, "by-hand"],
  ["regressed", "proved", "decide"],
  ["approved", "proved", "apply"],
  ["rejected", "proved", "none"],
  ["suppressed", undefined, "none"],
  ["resolved", "proved", "resolved"],
] as const)("a finding that is %s with a round trip %s asks to: %s", (state, status, task) => {
  const offer = socket.mitigation;
  const mitigation =
    offer === undefined || status === undefined ? undefined : { ...offer, roundTrip: { ...offer.roundTrip, status } };
  const { mitigation: _, ...bare } = socket;
  expect(taskOf({ ...bare, state, ...(mitigation === undefined ? {} : { mitigation }) })).toBe(task);
});

test("a finding of severity info asks for nothing, unless there is a proved mitigation", () => {
  expect(taskOf({ ...credentials, severity: "info" })).toBe("know");
  expect(taskOf({ ...socket, severity: "info" })).toBe("decide");
});

test("what changed since the last cycle is told of each finding, and not having looked is no absence", () => {
  const changes = sample.findings.map((finding) => changeOf(sample, finding));
  expect(changes).toEqual(["new", "new", "not looked at", "resolved"]);
  const delta = { ...sample.delta, new: [], regressed: [socket.id], resolved: [], blind: [], unchanged: [] };
  expect(sample.findings.map((finding) => changeOf({ ...sample, delta }, finding))).toEqual([
    "came back",
    "",
    "",
    "",
  ]);
  expect(withTask(sample, "decide", "by-hand").map(({ id }) => id)).toEqual([socket.id, credentials.id, server.id]);
});
