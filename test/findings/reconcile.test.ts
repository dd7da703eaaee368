import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Finding, FindingState, MitigationOffer } from "../../src/findings/finding.ts";
import { reconcile } from "../../src/findings/reconcile.ts";
import type { CheckRun, Observation } from "../../src/guest/observation.ts";
import { CATALOGUE } from "../../src/sources/weaknesses/catalogue.ts";
import { AT, CLOUD, findingsOf, ran, SAMPLE, SAMPLE_CHECKS, SOCKET } from "./sample.ts";

const NEXT = "c20261128-042839-000001";
const LATER = new Date(AT.getTime() + 7 * 24 * 3600 * 1000);

function next(
  previous: Finding[],
  observations: readonly Observation[],
  checks: readonly CheckRun[],
  found?: Finding[],
) {
  return reconcile({
    previous,
    found: found ?? findingsOf(observations, "demo", NEXT, LATER),
    observations,
    checks,
    catalogue: CATALOGUE,
    target: "demo",
    cycle: NEXT,
    at: LATER,
  });
}

const socketFinding = (state: FindingState = "open") => findingsOf([SOCKET]).map((f) => ({ ...f, state }));

test("what was never there before is new", () => {
  const result = next([], SAMPLE, SAMPLE_CHECKS);
  expect(result.new).toHaveLength(3);
  expect(result.findings.every((f) => f.state === "open")).toBe(true);
});

test("what is still there keeps its first date and gets a new last one", () => {
  const result = next(socketFinding(), [SOCKET], SAMPLE_CHECKS);
  expect(result.unchanged).toHaveLength(1);
  expect(result.findings[0]).toMatchObject({
    firstSeen: AT.toISOString(),
    lastSeen: LATER.toISOString(),
    lastCycle: NEXT,
  });
});

test("what the same check looked for and did not see is resolved", () => {
  const denied = { ...SOCKET, verdict: "absent" as const, access: [] };
  for (const observations of [[], [denied]]) {
    const result = next(socketFinding(), observations, [ran("engine-socket", "target")]);
    expect(result.resolved).toHaveLength(1);
    expect(result.findings[0]?.state).toBe("resolved");
  }
});

test.each<[string, readonly Observation[], readonly CheckRun[]]>([
  ["its check is not in the coverage", [], [ran("capability", "target")]],
  ["its check was skipped", [], [{ ...ran("engine-socket", "target"), status: "skipped", reason: "no time" }]],
  ["its check failed", [], [{ ...ran("engine-socket", "target"), status: "failed", reason: "EIO" }]],
  ["its check ran in part", [], [{ ...ran("engine-socket", "target"), status: "degraded", reason: "cut" }]],
  ["its check ran from elsewhere", [], [ran("engine-socket", "lab"), ran("engine-socket", "host")]],
  [
    "one of two runs failed",
    [],
    [ran("engine-socket", "target"), { ...ran("engine-socket", "target"), status: "failed", reason: "x" }],
  ],
  [
    "the very thing could not be measured",
    [{ ...SOCKET, verdict: "not-measured", access: [] }],
    [ran("engine-socket", "target")],
  ],
  ["two views disagree", [{ ...SOCKET, verdict: "contradictory", access: [] }], [ran("engine-socket", "target")]],
])("it stays as it was and is counted as blind when %s", (_, observations, checks) => {
  for (const state of ["open", "approved", "resolved"] as const) {
    const result = next(socketFinding(state), observations, checks, []);
    expect(result.findings[0]?.state).toBe(state);
    expect(result.blind.map((b) => b.reason.length > 0)).toEqual([true]);
    expect(result.resolved).toEqual([]);
  }
});

test("a finding whose weakness left the catalogue does not vanish and is not called fixed", () => {
  const retired = socketFinding().map((f) => ({ ...f, weakness: "retired-weakness" }));
  const result = next(retired, [], SAMPLE_CHECKS, []);
  expect(result.blind[0]?.reason).toContain("catalogue");
  expect(result.findings).toHaveLength(1);
});

test("what was resolved and comes back is regressed, with its history", () => {
  const result = next(socketFinding("resolved"), [SOCKET], SAMPLE_CHECKS);
  expect(result.regressed).toHaveLength(1);
  expect(result.new).toEqual([]);
  expect(result.findings[0]).toMatchObject({ state: "regressed", firstSeen: AT.toISOString() });
});

test("a researcher's silence resolves nothing while the observations still say it is there", () => {
  const result = next(socketFinding(), [SOCKET], SAMPLE_CHECKS, []);
  expect(result.unchanged).toHaveLength(1);
  expect(result.findings[0]).toMatchObject({ state: "open", lastCycle: NEXT });
});

test("a decision outlives a cycle that sees the finding again", () => {
  const result = next(socketFinding("approved"), [SOCKET], SAMPLE_CHECKS);
  expect(result.findings[0]?.state).toBe("approved");
});

test("other scripts than those approved open the finding again, and no offer this time leaves the decision", () => {
  const offer = (script: string): MitigationOffer => ({
    id: "m",
    title: "t",
    effects: [],
    files: ["workspace/f"],
    diff: "",
    applyScript: script,
    reverseScript: "r",
    roundTrip: { status: "proved", reason: "", steps: [] },
  });
  const approved = socketFinding("approved").map((f) => ({ ...f, mitigation: offer("one") }));
  const found = (mitigation?: MitigationOffer) =>
    findingsOf([SOCKET], "demo", NEXT, LATER).map((f) => (mitigation === undefined ? f : { ...f, mitigation }));
  const same = next(approved, [SOCKET], SAMPLE_CHECKS, found(offer("one")));
  expect([same.findings[0]?.state, same.moves]).toEqual(["approved", []]);
  const none = next(approved, [SOCKET], SAMPLE_CHECKS, found());
  expect(none.findings[0]).toMatchObject({ state: "approved", mitigation: offer("one") });
  const other = next(approved, [SOCKET], SAMPLE_CHECKS, found(offer("two")));
  expect(other.findings[0]).toMatchObject({ state: "open", mitigation: offer("two") });
  expect(other.moves).toMatchObject([{ event: "offer-changed", from: "approved", to: "open" }]);
  expect(other.unchanged).toHaveLength(1);
});

test("each finding is in exactly one list, whatever was seen and run", () => {
  const previous = findingsOf(SAMPLE);
  fc.assert(
    fc.property(
      fc.subarray([...SAMPLE]),
      fc.subarray([...SAMPLE_CHECKS]),
      fc.array(fc.constantFrom<FindingState>("open", "approved", "rejected", "resolved", "regressed", "suppressed"), {
        minLength: 3,
        maxLength: 3,
      }),
      (observations, checks, states) => {
        const before = previous.map((f, i) => ({ ...f, state: states[i] ?? "open" }));
        const r = next(before, observations, checks);
        const listed = [...r.new, ...r.regressed, ...r.resolved, ...r.unchanged, ...r.blind.map((b) => b.finding)];
        expect(listed.sort()).toEqual(r.findings.map((f) => f.id).sort());
        expect(new Set(listed).size).toBe(listed.length);
        for (const id of r.resolved) expect(checks.length).toBeGreaterThan(id === "" ? 1 : 0);
      },
    ),
  );
});

test("one stack's evidence of two vantages needs both looks before it is called gone", () => {
  const [finding] = findingsOf([CLOUD]);
  if (finding === undefined) throw new Error("no finding");
  const evidence = [...finding.evidence, ...finding.evidence.map((e) => ({ ...e, from: "outside" }))];
  const result = next([{ ...finding, evidence }], [], [ran("cloud-credential-file", "target")], []);
  expect(result.blind[0]?.reason).toContain("outside");
});
