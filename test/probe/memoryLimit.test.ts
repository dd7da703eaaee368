import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exec } from "../../src/base/exec.ts";
import { buildGuest } from "../../src/guest/build.ts";
import { ProbeReport } from "../../src/guest/observation.ts";
import { CHECKS } from "../../src/guest/probe/all.ts";
import { measure, requestOf } from "../../src/probe/probe.ts";
import { unmeasured } from "../../src/probe/unmeasured.ts";

test.each([16, 64])(
  "with %i MiB of data Node cannot start, and the host says in time that nothing was measured",
  async (mebibytes) => {
    const directory = mkdtempSync(join(tmpdir(), "wd-memory-"));
    try {
      const { bundles } = await buildGuest(directory);
      const limited = ["prlimit", `--data=${mebibytes * 1024 * 1024}`, "--"] as const;
      const measured = await measure(
        // Some versions of Node hang there for ever, before any JavaScript runs, and others are killed.
        (stdin) => exec([...limited, process.execPath, bundles.probe ?? ""], { stdin, timeoutMs: 3_000 }),
        requestOf({ vantage: "target" }),
      );
      expect(measured).toMatchObject({
        status: "refused",
        isSilent: true,
        reason: expect.stringMatching(/did not end in its time|no report/),
      });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);

test("a probe that gave no report is a report in which each check says that it was not asked, and why", () => {
  const report = unmeasured("target", "the probe ended with code none and no report");
  expect(ProbeReport.parse(report)).toEqual(report);
  expect(report.observations.map(({ id }) => id)).toEqual(expect.arrayContaining(CHECKS.map(({ id }) => id)));
  expect(new Set(report.observations.map(({ verdict, detail }) => `${verdict}: ${detail}`))).toEqual(
    new Set(["not-measured: the probe ended with code none and no report"]),
  );
  expect(new Set(report.checks.map(({ status }) => status))).toEqual(new Set(["failed"]));
});
