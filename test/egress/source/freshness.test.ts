import { expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import type { SourceAsked } from "../../../src/egress/source/asked.ts";
import { sourceCoverage, usesOf } from "../../../src/egress/source/freshness.ts";
import { CheckRun } from "../../../src/guest/observation.ts";
import { SOURCES } from "../../../src/sources/all.ts";
import { selfSigned } from "../../support/selfSigned.ts";
import { feed, feedRule, HOST, sourceBench } from "../../support/sourceBench.ts";
import { upstream } from "../../support/upstream.ts";

const DAY_MS = 86_400_000;
const NOW = new Date("2026-11-20T12:00:00Z");
const FEED = feed(443);

function asked(outcome: SourceAsked["outcome"], over: Partial<SourceAsked> = {}): SourceAsked {
  const isRead = outcome !== "failed";
  return {
    sandbox: "wd-lab",
    source: "feed",
    outcome,
    textSha256: isRead ? "a".repeat(64) : null,
    asOf: isRead ? "2026-11-20T00:00:00.000Z" : null,
    reason: isRead ? "" : "source-not-scanned no clamd",
    at: NOW.toISOString(),
    ...over,
  };
}

const rows = (...all: SourceAsked[]) =>
  sourceCoverage("/nowhere", "/run/clamd", all, NOW, [FEED]).map((row) => CheckRun.parse(row));
const OLD = "2026-11-01T00:00:00.000Z";

test.each([
  ["fetched", [asked("fetched")], "ran", ""],
  ["not modified", [asked("not-modified")], "ran", ""],
  ["a young copy", [asked("young")], "ran", ""],
  ["a copy that is stale", [asked("kept", { asOf: OLD })], "degraded", "stale: what was read is of 2026-11-01"],
  [
    "nothing but the excerpt",
    [asked("snapshot", { asOf: "2026-11-18" })],
    "degraded",
    "only its excerpt was read, of 2026-11-18",
  ],
  [
    "a failure, and then a copy",
    [asked("failed"), asked("kept")],
    "degraded",
    "1 asking failed, the last one: source-not-scanned no clamd",
  ],
  ["a stale copy, and then the source", [asked("kept", { asOf: OLD }), asked("fetched")], "ran", ""],
  [
    "failures alone",
    [asked("failed"), asked("failed")],
    "failed",
    "2 askings failed, the last one: source-not-scanned no clamd",
  ],
] as const)("%s", (_, all, status, reason) => {
  expect(rows(...all)).toEqual([{ check: "source: feed", category: "tool-plane", from: "host", status, reason }]);
});

test("what nobody asked for is one row, and neither read nor failed", () => {
  expect(rows()).toMatchObject([
    {
      check: "public-sources",
      status: "skipped",
      reason: expect.stringContaining("not asked for: feed; 0 of them kept fresh") as string,
    },
  ]);
  const other = { ...FEED, id: "other" };
  const both = sourceCoverage("/nowhere", null, [asked("fetched")], NOW, [FEED, other]);
  expect(both.map(({ check, status }) => [check, status])).toEqual([
    ["source: feed", "ran"],
    ["public-sources", "skipped"],
  ]);
  expect(both[1]?.reason).toContain("no clamd is configured");
});

test("parameters that a source does not take are no failure, and the source was not read", () => {
  const unfit = asked("failed", { reason: "source-parameters" });
  expect(rows(unfit)).toMatchObject([
    { check: "source: feed", status: "skipped", reason: "asked with parameters that it does not take" },
  ]);
  expect(rows(unfit, asked("failed"))).toMatchObject([{ status: "failed" }]);
  expect(rows(unfit, asked("fetched"))).toMatchObject([{ status: "ran" }]);
});

test("a use says how often each outcome came, and the age of the newest text", () => {
  const all = [asked("snapshot", { asOf: "2026-11-01" }), asked("fetched"), asked("young"), asked("failed")];
  expect(usesOf(all, NOW, [FEED, { ...FEED, id: "other" }])).toEqual([
    {
      source: "feed",
      fetched: 1,
      notModified: 0,
      copies: 1,
      excerpts: 1,
      failed: 1,
      unfit: 0,
      asOf: "2026-11-20T00:00:00.000Z",
      isStale: false,
      reason: "source-not-scanned no clamd",
    },
    {
      source: "other",
      fetched: 0,
      notModified: 0,
      copies: 0,
      excerpts: 0,
      failed: 0,
      unfit: 0,
      asOf: null,
      isStale: false,
      reason: "",
    },
  ]);
});

test("copies that are kept from earlier cycles count as fresh until they are stale", async () => {
  const tls = selfSigned(HOST);
  await using there = await upstream(
    (response) => response.writeHead(200, { "content-type": "application/json" }).end('{"text":"x"}'),
    tls,
  );
  const source = feed(there.port);
  using bench = sourceBench({
    sources: [source],
    rules: [feedRule(there.port)],
    scan: async () => ({ status: "clean" }),
    certificates: [tls.cert],
  });
  const now = systemClock.now();
  const reasonAt = (date: Date) => sourceCoverage(bench.directory, "/run/clamd", [], date, [source])[0]?.reason;
  expect(reasonAt(now)).toContain("0 of them kept fresh");
  await bench.ask({ source: "feed", params: { name: "good" } });
  expect(reasonAt(systemClock.now())).toContain("1 of them kept fresh");
  expect(reasonAt(new Date(now.getTime() + 9 * DAY_MS))).toContain("0 of them kept fresh");
});

test("the rows of every source of ours fit into a report", () => {
  const late = new Date("2030-01-01");
  const all = SOURCES.map(({ id }) => asked("failed", { source: id, reason: "x".repeat(390) }));
  for (const some of [[], all.slice(1), all])
    expect(() => CheckRun.array().parse(sourceCoverage("/nowhere", null, some, late))).not.toThrow();
});
