import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Report } from "../../src/report/report.ts";
import { type Ended, processesWith, weakdoor } from "../support/weakdoor.ts";

/** One whole cycle on the demo stack, as `npm start` runs it, and what it leaves. */
let directory: string;
let state: string[];
let first: Ended;
let report: Report;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-demo-"));
  state = ["--state", join(directory, "state")];
  first = await weakdoor("run", "--demo", ...state, "--reports", join(directory, "reports"));
  const [cycle] = readdirSync(join(directory, "reports"));
  report = Report.parse(JSON.parse(readFileSync(join(directory, "reports", cycle ?? "", "report.json"), "utf8")));
}, 180_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const PLANTED = [
  "engine-socket-in-sandbox",
  "devcontainer-loosened",
  "cloud-credentials-in-sandbox",
  "secret-in-environment",
  "agent-sandbox-off",
  "mcp-server-unpinned",
];

test("it finds the six planted weaknesses, and says so by its exit code", () => {
  const found = report.findings.map(({ weakness }) => weakness);
  expect(found).toEqual(expect.arrayContaining(PLANTED));
  expect(first.code).toBe(10);
});

test("each planted weakness has a mitigation whose reversal was run on two clones", () => {
  for (const id of PLANTED) {
    const offer = report.findings.find(({ weakness }) => weakness === id)?.mitigation;
    expect(offer?.roundTrip, id).toMatchObject({ status: "proved" });
    expect(new Set(offer?.roundTrip.steps.map(({ clone }) => clone)).size).toBe(2);
  }
});

test("nothing is running afterwards, every sandbox has a clean certificate, and the clone is gone", () => {
  expect(processesWith(report.cycle)).toEqual([]);
  expect(report.certificates.length).toBeGreaterThan(4);
  for (const certificate of report.certificates) expect(certificate.status, certificate.sandbox).toBe("destroyed");
  expect(existsSync(join(directory, "state/run", report.cycle))).toBe(false);
  expect(readdirSync(join(directory, "state/run")).filter((name) => name.startsWith("wd-"))).toEqual([]);
});

test("every drill rang and its alarm stands in the log", () => {
  expect(report.drills.map(({ carrier, status }) => [carrier, status])).toEqual([
    ["mcp-decoy", "rang"],
    ["fake-credential", "rang"],
    ["sentinel-file", "rang"],
    ["canary-host", "rang"],
  ]);
});

test("the lab is gVisor and stays within the target", () => {
  expect(report.lab).toMatchObject({ isolation: "gvisor", isWeak: false });
  expect(report.subset.status).toBe("held");
});

test("a target that has a network stands in a simulated one, and what its sink saw is in the report", () => {
  const verdictOf = (id: string) =>
    report.observations.find((row) => row.id === id && row.from === "target")?.verdict;
  expect(verdictOf("control:sink")).toBe("reachable");
  for (const id of ["outbound-tcp:address:443", "dns-channel:out", "data-flow:raw", "outbound-other:udp:443"])
    expect(verdictOf(id), id).toBe("reachable");
  for (const id of ["metadata-responder:link-local", "engine-endpoint:gateway:2375", "neighbour:5432"])
    expect(verdictOf(id), id).toBe("decoy-reached");
});

test("no credential of the demo stands in the report or in the state directory", () => {
  const home = join(directory, "state/demo/home");
  const real = [
    ...readFileSync(join(home, ".aws/credentials"), "utf8").matchAll(/=\s*(\S{16,})/g),
    ...readFileSync(join(home, ".npmrc"), "utf8").matchAll(/_authToken=(\S+)/g),
  ].map((match) => match[1] ?? "");
  expect(real.length).toBeGreaterThanOrEqual(3);
  const texts = ["report.json", "report.md", "report.html", "egress.jsonl"].map((name) =>
    readFileSync(join(directory, "reports", report.cycle, name), "utf8"),
  );
  const ledger = readdirSync(join(directory, "state/ledger")).map((name) =>
    readFileSync(join(directory, "state/ledger", name), "latin1"),
  );
  for (const value of real) for (const text of [...texts, ...ledger]) expect(text.includes(value)).toBe(false);
});

test("the log verifies", async () => {
  const verified = await weakdoor("log", "verify", ...state);
  expect(verified.code).toBe(0);
});

test("a finding can be shown and approved, and the decision is bound to what was shown", async () => {
  const finding = report.findings.find(({ weakness }) => weakness === "engine-socket-in-sandbox");
  const id = finding?.id.slice(4, 16) ?? "";
  const shown = await weakdoor("show", id, ...state);
  expect(shown.out).toContain("/var/run/docker.sock");
  const approved = await weakdoor("approve", id, "--reason", "the tests use another engine", ...state);
  expect(approved.code).toBe(0);
  const listed = await weakdoor("findings", "--json", ...state);
  expect(JSON.parse(listed.out)).toEqual(
    expect.arrayContaining([expect.objectContaining({ id: finding?.id, state: "approved" })]),
  );
});

test("a second cycle finds the same, calls nothing new, and keeps the decision", async () => {
  const again = await weakdoor("run", "--demo", ...state, "--reports", join(directory, "reports"), "--json");
  const second = Report.parse(JSON.parse(again.out));
  expect(second.delta.new).toEqual([]);
  expect(second.delta.regressed).toEqual([]);
  expect(second.findings.map(({ id }) => id).sort()).toEqual(report.findings.map(({ id }) => id).sort());
  expect(second.findings.find(({ weakness }) => weakness === "engine-socket-in-sandbox")?.state).toBe("approved");
  expect(again.code).toBe(0);
}, 180_000);
