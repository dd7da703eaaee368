import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { verb } from "../../src/cli/probe.ts";
import { parseProbe } from "../../src/probe/probe.ts";
import { runVerb } from "../support/io.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-cli-probe-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("it prints a table for people, with what was not measured counted", async () => {
  const ran = await runVerb(verb, [], { home: directory, workspace: directory });
  expect([0, 20]).toContain(ran.code);
  expect(ran.out[0]).toMatch(/^boundary \S+, runtime \S+, \d+ observations in/);
  expect(ran.out.join("\n")).toContain("tool-plane       not looked at");
  expect(ran.out.join("\n")).toMatch(/\d+ rows? not measured/);
});

test("--json prints the stored shape whole, and --out keeps the same for its owner alone", async () => {
  const ran = await runVerb(
    verb,
    [],
    { home: directory, workspace: directory, json: true, out: "r.json" },
    directory,
  );
  const path = join(directory, "r.json");
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(ran.json[0]);
  expect(parseProbe(readFileSync(path, "utf8")).status).toBe("measured");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test.each([
  ["a home that is not there", { home: "/no/such/home" }, [], "is no directory"],
  ["a place that cannot be written", { out: "/no/such/directory/r.json" }, [], "cannot write"],
  ["an argument", {}, ["x"], "takes no argument"],
])("%s is one line and a hint", async (_, values, positionals, message) => {
  await expect(runVerb(verb, positionals, values, directory)).rejects.toMatchObject({
    name: "OperatorError",
    message: expect.stringContaining(message),
  });
});

test("--propose drafts what is open here for a person to explain, and never over a file that is there", async () => {
  const ran = await runVerb(verb, [], { home: directory, workspace: directory, propose: "intended.yaml" }, directory);
  expect(ran.err.join("\n")).toContain("write down why each is intended");
  const draft = readFileSync(join(directory, "intended.yaml"), "utf8");
  expect(draft).toMatch(/^version: 1$/m);
  expect(draft).toContain('why: ""');
  await expect(
    runVerb(verb, [], { home: directory, workspace: directory, propose: "intended.yaml" }, directory),
  ).rejects.toThrow(/is there already/);
});

test("--propose --of drafts from a measurement that was kept, and measures nothing", async () => {
  await runVerb(verb, [], { home: directory, workspace: directory, out: "r.json" }, directory);
  const ran = await runVerb(verb, [], { of: "r.json", propose: "intended.yaml" }, directory);
  expect(ran).toMatchObject({ code: 0, out: [] });
  await expect(runVerb(verb, [], { of: "r.json" }, directory)).rejects.toThrow(/there is no draft/);
});

test("what a team wrote down as intended is counted apart, and not listed again", async () => {
  const measure = (more: Record<string, string> = {}) =>
    runVerb(verb, [], { home: directory, workspace: directory, ...more }, directory);
  const before = (await measure()).out;
  expect(before.join("\n")).toMatch(/^ {2}trust-file-creatable:/m);
  writeFileSync(
    join(directory, "mine.yaml"),
    'version: 1\ntarget: [{ observation: "trust-file-creatable:*", why: the agent makes them }]\n',
  );
  const after = (await measure({ intended: "mine.yaml" })).out.join("\n");
  expect(after).not.toMatch(/^ {2}trust-file-creatable:/m);
  expect(after).toMatch(/memory .* of them intended/);
  await expect(measure({ intended: "nowhere.yaml" })).rejects.toThrow(/is not there/);
});

test("a check with many instances is shown by its first few, and an entry that names nothing open is named itself", async () => {
  writeFileSync(
    join(directory, "idle.yaml"),
    "version: 1\ntarget:\n  - { observation: engine-socket:/nowhere, why: w }\n  - { observation: old, why: w, until: 2020-01-01 }\n",
  );
  const { out } = await runVerb(
    verb,
    [],
    { home: directory, workspace: directory, intended: "idle.yaml" },
    directory,
  );
  expect(out.filter((line) => line.startsWith("  trust-file-creatable:")).length).toBeLessThanOrEqual(4);
  expect(out.join("\n")).toMatch(/^ {2}and \d+ more of trust-file-creatable$/m);
  expect(out).toContain("intended and not open here: engine-socket:/nowhere");
  expect(out).toContain("intended until 2020-01-01, which has passed: old");
});

test("--copy writes over nothing", async () => {
  writeFileSync(join(directory, "there"), "mine");
  await expect(runVerb(verb, [], { copy: "there" }, directory)).rejects.toThrow(/is there already/);
  expect(readFileSync(join(directory, "there"), "utf8")).toBe("mine");
});
