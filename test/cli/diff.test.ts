import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { verb } from "../../src/cli/diff.ts";
import type { Observation } from "../../src/guest/observation.ts";
import { keepBaseline, NOTHING_REMEMBERED } from "../../src/probe/keptBaseline.ts";
import { report, row } from "../probe/sample.ts";
import { runVerb } from "../support/io.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-cli-diff-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function keep(name: string, rows: Observation[]): string {
  writeFileSync(join(directory, name), JSON.stringify(report("host", rows)));
  return name;
}

const run = (before: string, after: string, values = {}) => runVerb(verb, [before, after], values, directory);

test("something that opened and nobody approved is exit code 11, also when something else is unknown", async () => {
  const before = keep("before", [row("a", "absent"), row("b", "absent")]);
  const after = keep("after", [row("a", "reachable"), row("b", "not-measured")]);
  const ran = await run(before, after);
  expect(ran.code).toBe(11);
  expect(ran.out).toContain("widened: 1");
  expect(ran.out).toContain("  a: absent to reachable (read) (it opened)");
});

test("only unknown rows are exit code 20: what was not seen is not unchanged", async () => {
  expect((await run(keep("b", [row("a", "absent")]), keep("a", [row("a", "not-measured")]))).code).toBe(20);
});

test("nothing new, or only narrower, is exit code 0", async () => {
  const open = keep("open", [row("a", "reachable")]);
  expect((await run(open, open)).code).toBe(0);
  expect((await run(open, keep("closed", [row("a", "denied")]))).code).toBe(0);
});

test("--json prints the whole comparison", async () => {
  const open = keep("open", [row("a", "reachable")]);
  expect((await run(open, open, { json: true })).json).toEqual([
    { causes: [], views: [{ from: "target", widened: [], narrowed: [], moved: [], unknown: [], unchanged: 1 }] },
  ]);
});

test.each([
  ["a file that is not there", "nowhere", "there is no file and no kept cycle nowhere"],
  ["a directory", ".", "is no file"],
  ["a file that is no report", "text", "not JSON"],
  ["a report of a newer weakdoor", "newer", "newer: a report of version 2, and this weakdoor reads up to 1"],
  ["a baseline of a newer weakdoor", "kept", "kept: a baseline of version 3, and this weakdoor reads up to 2"],
])("%s is one line and a hint", async (_, name, message) => {
  writeFileSync(join(directory, "text"), "hello");
  writeFileSync(join(directory, "newer"), '{"version":2,"from":"host"}');
  writeFileSync(join(directory, "kept"), '{"version":3,"kind":"weakdoor-baseline"}');
  await expect(run(name, name)).rejects.toMatchObject({
    name: "OperatorError",
    message: expect.stringContaining(message),
  });
});

test("one file alone is one line and a hint", async () => {
  await expect(runVerb(verb, ["one"], {}, directory)).rejects.toMatchObject({
    message: "diff takes two measurements",
  });
});

test("a widening that a person took on until a day still to come is told with the reason, and is no regression", async () => {
  const before = keep("before", [row("a", "absent")]);
  const after = keep("after", [row("a", "reachable")]);
  const intended = (until: string) =>
    `version: 1\ntarget:\n  - { observation: a, why: the build needs it, until: ${until} }\n`;
  writeFileSync(join(directory, "intended.yaml"), intended("2999-12-31"));
  const ran = await run(before, after);
  expect(ran.code).toBe(0);
  expect(ran.out.join("\n")).toContain("approved until 2999-12-31: the build needs it");
  writeFileSync(join(directory, "intended.yaml"), intended("2020-12-31"));
  expect((await run(before, after)).code).toBe(11);
  await expect(run(before, after, { intended: "nowhere.yaml" })).rejects.toThrow(/is not there/);
});

test("two cycles are compared by their ids, with what else differs between them", async () => {
  const kept = (cycle: string, rows: Observation[], kernel: string) =>
    keepBaseline(directory, {
      kind: "weakdoor-baseline",
      version: 2,
      stack: "demo",
      cycle,
      takenAt: "2026-06-01T12:00:00Z",
      circumstances: { kernel },
      target: report("target", rows),
      lab: report("lab", [row("a", "absent")]),
      heldAgainst: null,
      remembered: NOTHING_REMEMBERED,
    });
  const path = kept("c1", [row("a", "absent")], "6.1");
  kept("c2", [row("a", "reachable")], "6.2");
  const ran = await run("c1", "c2", { state: directory });
  expect(ran.code).toBe(11);
  expect(ran.out).toContain("also changed: kernel: 6.1 to 6.2");
  expect((await run(path, path)).code).toBe(0);
  await expect(run("c1", keep("probe", [row("a", "absent")]), { state: directory })).rejects.toThrow(/a whole cycle/);
});

test("what makes a comparison another than it seems is said: two stacks, the wrong way round, two places", async () => {
  const kept = (cycle: string, stack: string, takenAt: string) =>
    keepBaseline(directory, {
      kind: "weakdoor-baseline",
      version: 2,
      stack,
      cycle,
      takenAt,
      circumstances: {},
      target: report("target", [row("a", "absent")]),
      lab: report("lab", [row("a", "absent")]),
      heldAgainst: null,
      remembered: NOTHING_REMEMBERED,
    });
  kept("c1", "one", "2026-06-02T00:00:00Z");
  kept("c2", "two", "2026-06-01T00:00:00Z");
  expect((await run("c1", "c2", { state: directory })).err).toEqual([
    "weakdoor: these are of two stacks: one and two",
    "weakdoor: the first was taken after the second: what opened is said to have closed",
  ]);
  writeFileSync(join(directory, "inside"), JSON.stringify(report("target", [row("a", "absent")])));
  expect((await run(keep("outside", [row("a", "absent")]), "inside")).err).toEqual([
    "weakdoor: these were measured from two places: host and target",
  ]);
});

test("two measurements of a place name what differs between them: the kernel, the runtime", async () => {
  const of = (name: string, rows: Observation[], kernel: string, runtime: string) => {
    const measured = { ...report("host", rows), runtime, circumstances: { kernel } };
    writeFileSync(join(directory, name), JSON.stringify(measured));
    return name;
  };
  const before = of("b", [row("a", "absent")], "6.1", "runc");
  const ran = await run(before, of("a", [row("a", "reachable")], "6.2", "gvisor"));
  expect(ran.out).toContain("    may be caused by: kernel, runtime");
  expect(ran.out).toContain("also changed: kernel: 6.1 to 6.2");
});
