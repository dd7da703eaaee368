import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sha256Hex } from "../../src/base/hash.ts";
import { Report } from "../../src/report/report.ts";
import { prepareImage } from "../../src/sandbox/image.ts";
import { type SmallStack, stackOf } from "../support/stackOf.ts";
import { processesWith, weakdoor } from "../support/weakdoor.ts";

/** A probe that is killed before it answers, as one is for want of memory: what the cycle makes of it. */
let directory: string;
let stack: SmallStack;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "wd-silent-"));
  await prepareImage(join(directory, "cache"));
  stack = stackOf("silent");
  mkdirSync(stack.state, { mode: 0o700 });
  execFileSync("cp", ["-a", join(directory, "cache"), stack.state]);
});
afterAll(() => {
  stack.remove();
  rmSync(directory, { recursive: true, force: true });
});

/** Inside alone; on the host the honest one answers. */
const KILLED =
  'import { existsSync as standsHere } from "node:fs"; if (standsHere("/.guest/shim.mjs")) process.kill(process.pid, "SIGKILL");';

test("it leaves rows that say so, a report with what the host saw, and nobody studying in the lab", async () => {
  const bundles = join(stack.state, "cache", "bundles");
  const lie = `${KILLED}\n${readFileSync(join(bundles, "probe.mjs"), "utf8")}`;
  const recipe = join(bundles, "probe.recipe.json");
  writeFileSync(join(bundles, "probe.mjs"), lie);
  writeFileSync(recipe, JSON.stringify({ ...JSON.parse(readFileSync(recipe, "utf8")), bundle: sha256Hex(lie) }));
  const ended = await weakdoor("run", ...stack.args);
  // What the host saw from outside may be a finding.
  expect([10, 20], ended.err).toContain(ended.code);
  const [cycle = ""] = readdirSync(stack.reports);
  const written = Report.parse(JSON.parse(readFileSync(join(stack.reports, cycle, "report.json"), "utf8")));
  const inside = written.observations.filter(({ from }) => from === "target");
  expect(inside.length).toBeGreaterThan(50);
  expect(inside.filter(({ verdict }) => verdict !== "not-measured").map(({ id }) => id)).toEqual([]);
  expect(inside[0]?.detail).toContain("no report");
  expect(written.subset).toMatchObject({ status: "not-run", detail: expect.stringContaining("no report") });
  expect(written.research.end).toMatch(/^failed: the researcher was not started/);
  expect(written.observations.filter(({ from }) => from === "outside").length).toBeGreaterThan(20);
  expect(processesWith(stack.directory)).toEqual([]);
});
