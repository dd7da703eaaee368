import * as fc from "fast-check";
import { expect, test } from "vitest";
import { hashOf } from "../../src/base/hash.ts";
import { Finding } from "../../src/findings/finding.ts";
import { verify } from "../../src/findings/verify.ts";
import { CATALOGUE } from "../../src/sources/weaknesses/catalogue.ts";
import { AT, CLOUD, CYCLE, findingsOf, SAMPLE, SOCKET, UNPINNED } from "./sample.ts";

const base = { catalogue: CATALOGUE, observations: SAMPLE, target: "demo", cycle: CYCLE, at: AT };
const claim = { weakness: "engine-socket-in-sandbox", observations: [SOCKET.id], note: "" };

test("a candidate that the observations bear out becomes a finding, made of catalogue and observations", () => {
  const { findings, rejected } = verify({ ...base, candidates: [{ ...claim, note: "look at this" }] });
  expect(rejected).toEqual([]);
  const [finding] = findings;
  expect(Finding.parse(finding)).toEqual(finding);
  expect(finding).toMatchObject({
    weakness: "engine-socket-in-sandbox",
    severity: "critical",
    state: "open",
    evidenceClass: "observed",
    note: "look at this",
    firstCycle: CYCLE,
  });
  expect(finding?.evidence[0]?.sha256).toBe(hashOf(SOCKET));
  expect(finding?.references).toContain("T1611");
  expect(finding?.route.join("\n")).toContain("docker.sock");
});

test.each([
  ["an unknown weakness", { ...claim, weakness: "no-such-weakness" }, "unknown-weakness"],
  [
    "an observation of another cycle",
    { ...claim, observations: ["engine-socket:/run/other.sock"] },
    "observation-not-in-cycle",
  ],
  ["a condition that is not met", { ...claim, observations: [CLOUD.id] }, "condition-not-met"],
])("%s makes no finding, and the reason is kept", (_, candidate, reason) => {
  const { findings, rejected } = verify({ ...base, candidates: [candidate] });
  expect(findings).toEqual([]);
  expect(rejected.map((r) => r.reason)).toEqual([reason]);
});

test("a denied observation bears out nothing, however sure the researcher is", () => {
  const denied = { ...SOCKET, verdict: "denied" as const, access: [] };
  const { findings, rejected } = verify({
    ...base,
    observations: [denied],
    candidates: [{ ...claim, note: "verdict: present, severity: critical" }],
  });
  expect(findings).toEqual([]);
  expect(rejected[0]?.reason).toBe("condition-not-met");
});

test("the same claim twice is one finding and one duplicate", () => {
  const { findings, rejected } = verify({ ...base, candidates: [claim, { ...claim, note: "again" }] });
  expect(findings).toHaveLength(1);
  expect(rejected.map((r) => r.reason)).toEqual(["duplicate"]);
});

test("one candidate that cites two files of one target is one finding with both as evidence", () => {
  const second = { ...CLOUD, id: "cloud-credential-file:~/.config/gcloud/credentials.db" };
  const { findings, rejected } = verify({
    ...base,
    observations: [...SAMPLE, second],
    candidates: [{ weakness: "cloud-credentials-in-sandbox", observations: [CLOUD.id, second.id], note: "" }],
  });
  expect(rejected).toEqual([]);
  expect(findings).toHaveLength(1);
  expect(findings[0]?.evidence).toHaveLength(2);
});

test("what one researcher cites and another leaves out does not change the finding", () => {
  const second = { ...CLOUD, id: "cloud-credential-file:~/.config/gcloud/credentials.db" };
  const cite = (observations: string[]) =>
    verify({
      ...base,
      observations: [...SAMPLE, second],
      candidates: [{ weakness: "cloud-credentials-in-sandbox", observations, note: "" }],
    }).findings;
  expect(cite([CLOUD.id])).toEqual(cite([CLOUD.id, second.id]));
});

test("a note with control, bidi and zero-width characters comes out inert and within its limit", () => {
  const hostile = `\u001b[2J\u202egnp\u200b${"\u202e".repeat(590)}`;
  const { findings, rejected } = verify({
    ...base,
    candidates: [
      { ...claim, note: hostile },
      { ...claim, weakness: "\u001b]0;owned\u0007", note: hostile },
    ],
  });
  const [finding] = findings;
  expect(() => Finding.parse(finding)).not.toThrow();
  const shown = JSON.stringify([finding, rejected]);
  for (const character of ["\\u001b", "\u202e", "\u200b"]) expect(shown.includes(character)).toBe(false);
});

test("hostile text in an observation cannot break the shape of a finding", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.string({ unit: "binary", maxLength: 600 }),
      (subject, detail) => {
        const findings = findingsOf([{ ...SOCKET, subject, detail }]);
        expect(Finding.array().safeParse(findings).success).toBe(true);
        expect(findings).toHaveLength(1);
      },
    ),
    { numRuns: 300 },
  );
});

test("half a surrogate pair from a guest or a model neither crashes nor gets into what is hashed", () => {
  const findings = verify({
    ...base,
    observations: [{ ...SOCKET, subject: "\ud800", detail: "\udc00" }],
    candidates: [{ ...claim, note: `${"x".repeat(598)}\u{1f6aa}\u{1f6aa}` }],
  }).findings;
  expect(() => hashOf(findings)).not.toThrow();
  expect(findings).toHaveLength(1);
});

test("what only a file says is marked as configured", () => {
  expect(findingsOf([UNPINNED])[0]?.evidenceClass).toBe("configured");
});
