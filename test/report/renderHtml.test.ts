import { expect, test } from "vitest";
import { renderHtml } from "../../src/report/renderHtml.ts";
import type { Report } from "../../src/report/report.ts";
import { sampleReport } from "../support/reportFixture.ts";

/** What a reader sees, on one line. */
function textOf(html: string): string {
  return html
    .replace(/<style>[\s\S]*?<\/style>/, "")
    .replace(/<[^>]*>/g, " ")
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replace(/\s+/g, " ");
}

const shown = (over: Partial<Report> = {}) => textOf(renderHtml(sampleReport(over)));

test("the same report gives the same bytes, whatever the time zone and language", () => {
  expect(renderHtml(sampleReport())).toBe(renderHtml(sampleReport()));
  const before = process.env.TZ;
  process.env.TZ = "Pacific/Kiritimati";
  try {
    expect(shown()).toContain("2026-11-21 04:28:39 UTC to 2026-11-21 04:28:50 UTC");
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
});

test("the page is one file: no script, no request, no form, and a policy that forbids them", () => {
  const html = renderHtml(sampleReport());
  expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
  expect(html).toContain(
    `content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"`,
  );
  expect(html).not.toMatch(/<(script|link|img|iframe|object|embed|form|base|svg|video|audio)\b/i);
  expect(html).not.toMatch(/\son\w+=|\ssrc=|javascript:|@import|url\(/i);
  const targets = [...html.matchAll(/href="([^"]*)"/g)].map(([, href = ""]) => href);
  expect(targets.length).toBeGreaterThan(8);
  for (const href of targets) expect(href).toMatch(/^#[a-z0-9-]+$/);
  for (const href of targets) expect(html).toContain(`id="${href.slice(1)}"`);
});

test("the first screen says whether it ran, whether it can be trusted, what is new and what is to do", () => {
  const first = shown().split("Findings Trust")[0];
  expect(first).toContain("Did it run? In part 3 checks ran, in 2.4 s. 2 did not, or not fully .");
  expect(first).toContain("Can it be trusted? No doubt");
  expect(first).toContain("What is new? 2 new 4 findings in all, 1 resolved, 1 not looked at.");
  expect(first).toContain("What is there to do? 3 findings Decide on 1 proved mitigation, change 2 things by hand .");
  expect(first).toContain("The worst is critical.");
});

test("doubts stand before the findings, and take the place of the word that there are none", () => {
  const text = shown({ certificates: [], killDrillMs: null });
  expect(text).toContain("Can it be trusted? 2 doubts");
  expect(text).not.toContain("Every trap caught");
  expect(text.indexOf("Doubt: The kill drill was not run.")).toBeGreaterThan(0);
  expect(text.indexOf("Doubt: The kill drill was not run.")).toBeLessThan(text.indexOf("4 findings Severity"));
});

test("a report with nothing found says what was looked at and what was not", () => {
  const delta = { new: [], regressed: [], resolved: [], unchanged: [], blind: [] };
  const text = shown({ findings: [], delta, withoutMitigation: [] });
  expect(text).toContain("No weakness of the catalogue was borne out by what was looked at.");
  expect(text).toContain("what was not looked at is neither good news nor bad");
  expect(text).toContain("Did it run? In part");
  expect(text).toContain("network-route target skipped no network here");
  expect(text).toContain("network – – – not looked: the target runs without a network in this version");
  expect(text).toContain("What is there to do? Nothing No finding is waiting for anyone.");
});

test("a report of nothing at all claims nothing", () => {
  const delta = { new: [], regressed: [], resolved: [], unchanged: [], blind: [] };
  const nothing = { findings: [], delta, coverage: [], preflight: [], drills: [], certificates: [], egress: [] };
  const text = shown({ ...nothing, killDrillMs: null, boundaries: [], timings: [], withoutMitigation: [] });
  expect(text).toContain("Did it run? No 0 checks ran to the end, in 0.0 s.");
  expect(text).toContain("Can it be trusted? 5 doubts");
  expect(text).not.toMatch(/Every planned|nothing widened|Every trap/);
  for (const sentence of [
    "No trap was tried.",
    "No tripwire was drilled.",
    "Nothing asked to leave.",
    "There is none.",
  ])
    expect(text).toContain(sentence);
});

test("commands to decide are given where there is something to decide, and nowhere else", () => {
  const [socket] = sampleReport().findings;
  const offer = socket?.mitigation;
  if (socket === undefined || offer === undefined) throw new Error("the sample has changed");
  const commands = (over: Partial<typeof socket>) =>
    shown({ findings: [{ ...socket, ...over }] }).includes("weakdoor approve aaaaaaaaaaaa --reason");
  expect(commands({})).toBe(true);
  expect(commands({ state: "regressed" })).toBe(true);
  for (const state of ["approved", "rejected", "suppressed", "resolved"] as const)
    expect(commands({ state })).toBe(false);
  const roundTrip = { ...offer.roundTrip, status: "refuted" as const, reason: "bytes differ" };
  const refuted = shown({ findings: [{ ...socket, mitigation: { ...offer, roundTrip } }] });
  expect(refuted).toContain("Not offered for approval, the round trip was refuted: bytes differ");
  expect(refuted).not.toContain("weakdoor approve");
});

test("why a mitigation is not offered is said", () => {
  expect(shown()).toContain("could not be offered here: home/.aws is mounted by a compose file that is not read");
  expect(shown({ withoutMitigation: [] })).toContain("The catalogue has no automated mitigation for it.");
});

test("a note of a model is marked as such", () => {
  const [socket] = sampleReport().findings;
  if (socket === undefined) throw new Error("the sample has changed");
  const text = shown({ findings: [{ ...socket, note: "<b>look</b>" }] });
  expect(text).toContain("Note of the researcher, as plain text <b>look</b>");
});

test("every number on the page is a number of the report", () => {
  const report = sampleReport();
  const sum = (of: "ms" | "sandboxMs") => report.timings.reduce((total, row) => total + row[of], 0);
  const derived = [sum("ms") / 1000, sum("sandboxMs") / 1000].map((seconds) => seconds.toFixed(1));
  const rounded = [report.killDrillMs, ...report.drills.map(({ latencyMs }) => latencyMs)].map((ms) =>
    Math.round(ms ?? 0),
  );
  const timings = report.timings.flatMap(({ ms, sandboxMs }) => [Math.round(ms), Math.round(sandboxMs)]);
  const ran = report.coverage.filter(({ status }) => status === "ran").length;
  const counted = [ran, report.coverage.length - ran, ...lengthsIn(report)];
  // One finding waits for a decision, two for a change by hand: three in all.
  const tasks = [1, 2, 3];
  const known = new Set([...derived, ...[...rounded, ...timings, ...counted, ...tasks].map(String)]);
  for (const [number] of JSON.stringify(report).matchAll(/\d+(\.\d+)?/g)) known.add(number);
  for (const [part] of `${report.startedAt} ${report.endedAt}`.matchAll(/\d+/g)) known.add(part);
  // In markers of lists, in the name of a key and of a file type, and by word.
  const words = textOf(renderHtml(report)).replace(/id_ed25519/g, "");
  const strange = [...words.matchAll(/\d+(\.\d+)?/g)]
    .map(([number]) => number)
    .filter((number) => !known.has(number));
  expect(strange).toEqual([]);
});

function lengthsIn(value: unknown): number[] {
  if (Array.isArray(value)) return [value.length, ...value.flatMap(lengthsIn)];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(lengthsIn);
}

test.each([
  [
    "2 credential values replaced",
    "57 files (184321 bytes) for 12 harvested values in 14 encodings",
    "1 file not copied",
  ],
  ["mcp-decoy rang 413 ms 41 called", "canary-host rang 9 ms 43 403"],
  ["broker.weakdoor.internal 17 0 2048 51200", "evil.example 0 2 0 0 host-not-listed"],
  ["cross-boundary 0 3 2 2 rows", "cross-boundary 0 1 0"],
  ["It handed in 5 candidates; the observations bear out 3 findings; 1 claim was refused. 3 messages"],
  ["nvd 2 1 4 0 0 2026-11-20", "cisa-kev 0 0 0 0 3 not read source-not-scanned no clamd"],
  [
    "Documents read by a model without tools: 7, with 5 claims whose quotation was found.",
    "Refused: 1 readers called a tool",
    "engine-socket-in-sandbox nvd CVE-2019-5736 describes an attacker who reaches the engine socket",
  ],
  ["had 67 leaves", "2.4 s, of which 2.1 s inside", "snapshot 120 0 measure 2311 2100"],
  ["gone in 31 ms", "Preflight: 3 traps", "Reversal proved: 6 of 6 steps held"],
  ["destroyed wd-c1-lab-1 (runsc, lab)", "processes by name clean none of 131"],
])("the figures stand where they belong: %s", (...sentences) => {
  const text = shown();
  for (const sentence of sentences) expect(text).toContain(sentence);
});

test("the first cycle of a stack says that there is nothing to compare with", () => {
  const text = shown({ drift: { since: null, why: "", causes: [], views: [] } });
  expect(text).toContain("No cycle of this stack was kept here before this one");
});

test("what changed without anything recorded beside it is said to have no known cause", () => {
  const { drift } = sampleReport();
  expect(shown({ drift: { ...drift, causes: [] } })).toContain("Nothing else that is recorded differs");
});
