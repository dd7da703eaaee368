import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { verb } from "../../src/cli/diff.ts";
import type { Observation } from "../../src/guest/observation.ts";
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

test("something that opened is exit code 10, also when something else is unknown", async () => {
  const before = keep("before", [row("a", "absent"), row("b", "absent")]);
  const after = keep("after", [row("a", "reachable"), row("b", "not-measured")]);
  const ran = await run(before, after);
  expect(ran.code).toBe(10);
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
    { widened: [], narrowed: [], moved: [], unknown: [], unchanged: 1 },
  ]);
});

test.each([
  ["a file that is not there", "nowhere", "cannot read nowhere: ENOENT"],
  ["a directory", ".", "is no file"],
  ["a file that is no report", "text", "not JSON"],
])("%s is one line and a hint", async (_, name, message) => {
  writeFileSync(join(directory, "text"), "hello");
  await expect(run(name, name)).rejects.toMatchObject({
    name: "OperatorError",
    message: expect.stringContaining(message),
  });
});

test("one file alone is one line and a hint", async () => {
  await expect(runVerb(verb, ["one"], {}, directory)).rejects.toMatchObject({ message: "diff takes two files" });
});
