import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Intended, intendedBy, loadIntended } from "../../src/probe/intended.ts";
import { proposeIntended } from "../../src/probe/propose.ts";
import { report, row } from "./sample.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-intended-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function write(text: string): string {
  const path = join(directory, "intended.yaml");
  writeFileSync(path, text);
  return path;
}

const open = row("a:x", "reachable", { access: ["read", "write"] });

test.each<[string, Omit<Intended, "why">, boolean]>([
  ["its own id", { observation: "a:x" }, true],
  ["its check", { observation: "a:*" }, true],
  ["another id", { observation: "a:y" }, false],
  ["all that was shown", { observation: "a:x", access: ["read", "write"] }, true],
  ["less than was shown", { observation: "a:x", access: ["read"] }, false],
  ["until today", { observation: "a:x", until: "2026-06-01" }, true],
  ["until yesterday", { observation: "a:x", until: "2026-05-31" }, false],
])("an entry for %s explains the row: %s", (_, entry, explains) => {
  expect(intendedBy(open, [{ ...entry, why: "w" }], NOW) !== undefined).toBe(explains);
});

test("a contradiction is nobody's intention", () => {
  expect(intendedBy(row("a:x", "contradictory"), [{ observation: "a:*", why: "w" }], NOW)).toBeUndefined();
});

test("what a person wrote is read for each sandbox, and no file is no intention", async () => {
  expect(await loadIntended(join(directory, "intended.yaml"))).toBeUndefined();
  const path = write(`version: 1
target:
  - { observation: "trust-file:*", why: "reviewed", until: 2026-12-31 }
lab:
  - { observation: user-namespace, access: [create], why: "of gVisor" }
`);
  expect(await loadIntended(path)).toEqual({
    target: [{ observation: "trust-file:*", why: "reviewed", until: "2026-12-31" }],
    lab: [{ observation: "user-namespace", access: ["create"], why: "of gVisor" }],
  });
});

describe("a mistake is one line with its place, and a hint", () => {
  test.each([
    [
      "an empty reason",
      "version: 1\ntarget:\n  - { observation: a, why: '' }\n",
      /intended\.yaml:3: target\.0\.why/,
      /say why/,
    ],
    [
      "a misspelt key",
      "version: 1\ntarget:\n  - { observation: a, wy: b }\n",
      /target\.0\.wy: unknown key/,
      /did you mean why\?/,
    ],
    [
      "a misspelt access",
      "version: 1\ntarget:\n  - { observation: a, why: b, access: [reed] }\n",
      /access\.0/,
      /did you mean read\?/,
    ],
    ["a day that is none", "version: 1\ntarget:\n  - { observation: a, why: b, until: 2026-13-01 }\n", /until/, /./],
    ["no version", "target: []\n", /version: missing/, /./],
    ["no YAML", "target: [\n", /intended\.yaml:\d+/, /YAML/],
  ])("%s", async (_, text, message, hint) => {
    await expect(loadIntended(write(text))).rejects.toMatchObject({
      name: "OperatorError",
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });

  test("a directory in its place", async () => {
    mkdirSync(join(directory, "intended.yaml"));
    await expect(loadIntended(join(directory, "intended.yaml"))).rejects.toThrow(/not a file/);
  });
});

test("a draft names every exposure once, and is refused until a person has given the reasons", async () => {
  const measured = report("target", [
    row("a:x", "reachable", { access: ["read", "write"], subject: "a line\nbreak: # in it" }),
    row("b", "absent"),
    row("c", "contradictory"),
  ]);
  const draft = proposeIntended(measured);
  await expect(loadIntended(write(draft))).rejects.toThrow(/target\.0\.why/);
  const edited = draft.replace('why: ""', "why: it is what the agent is for");
  expect(await loadIntended(write(edited))).toEqual({
    target: [{ observation: "a:x", access: ["read", "write"], why: "it is what the agent is for" }],
    lab: [],
  });
});

test("a draft of nothing open is a file that says that nothing is intended", async () => {
  expect(await loadIntended(write(proposeIntended(report("target", [row("a", "absent")]))))).toEqual({
    target: [],
    lab: [],
  });
});
