import { expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { sourceCoverage } from "../../../src/egress/source/freshness.ts";
import { CheckRun } from "../../../src/guest/observation.ts";
import { selfSigned } from "../../support/selfSigned.ts";
import { feed, feedRule, HOST, sourceBench } from "../../support/sourceBench.ts";
import { upstream } from "../../support/upstream.ts";

const DAY_MS = 86_400_000;

test("fresh copies are coverage, stale ones and none at all are said", async () => {
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
  const rowAt = (date: Date, socket: string | null = "/run/clamd") =>
    CheckRun.parse(sourceCoverage(bench.directory, socket, date, [source]));
  expect(rowAt(now)).toMatchObject({
    status: "degraded",
    reason: expect.stringContaining("not fresh: feed") as string,
  });
  expect(rowAt(now, null).reason).toContain("no clamd is configured");
  await bench.ask({ source: "feed", params: { name: "good" } });
  expect(rowAt(systemClock.now())).toMatchObject({ status: "ran", reason: "" });
  expect(rowAt(new Date(now.getTime() + 9 * DAY_MS))).toMatchObject({ status: "degraded" });
  expect(sourceCoverage(`${bench.directory}/none`, null, now, [source])).toMatchObject({ status: "degraded" });
});

test("the row of every source of ours fits into a report", () => {
  expect(CheckRun.parse(sourceCoverage("/nowhere", null, new Date("2030-01-01")))).toMatchObject({
    status: "degraded",
  });
});
