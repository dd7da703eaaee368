import { expect, test } from "vitest";
import { fakesIn, lintScript } from "../../src/mitigation/lint.ts";
import type { FileChange } from "../../src/mitigation/mitigation.ts";
import { quoted, scriptsFor } from "../../src/mitigation/script.ts";

const TITLE = { finding: `fp1:${"b".repeat(64)}`, mitigation: "test.change", title: "A test" };
const FAKE = "it's a fäke/0123456789+=";

function script(before: string, after: string, path = "f") {
  const change: FileChange = { root: "home", path, hunks: [{ before, after }], before, after };
  return scriptsFor(TITLE, [change]).apply;
}

test.each([
  ["plain text", "a", "b", "f"],
  ["quotes at both ends", "'a'", "''", "it's"],
  ["lines that look like shell", "rm -rf /\n}\nsteps() {\n", "$(id)\n`id`", "$(id)"],
  ["a comment", "# a", "'# b", "f"],
  ["backslashes", "\\", "\\'\\\n", "a\\"],
])("%s in a hunk is data", (_, before, after, path) => {
  expect(lintScript(script(before, after, path), [])).toEqual({ status: "clean" });
});

test.each<[string, (s: string) => string]>([
  ["a command in front", (s) => s.replace("NEEDS=", "curl x\nNEEDS=")],
  ["a command among the steps", (s) => s.replace("steps() {\n", "steps() {\n  rm -r /\n")],
  ["a command behind a step", (s) => s.replace("'b'\n}", "'b'; id\n}")],
  ["a substitution in place of a text", (s) => s.replace("'b'", '"$(id)"')],
  ["another root", (s) => s.replace('"$home"', '"$HOME"')],
  ["a body that is not ours", (s) => s.replace("umask 077", "umask 000")],
  ["a command at the end", (s) => `${s}id\n`],
  ["an open quote", (s) => s.replace("'a'", "'a")],
  ["a NUL", (s) => s.replace("'a'", "'\u0000'")],
  ["text that runs backwards on the screen", (s) => s.replace("'a'", "'\u202ea'")],
  ["a carriage return that hides a line", (s) => s.replace("'a'", "'a\rb'")],
  ["an assignment of another variable", (s) => s.replace("NEEDS=", "PATH='/x'\nNEEDS=")],
  ["more than a finding holds", (s) => s.replace("'a'", `'${"a".repeat(70_000)}'`)],
])("%s is refused", (_, spoil) => {
  const sound = script("a", "b");
  expect(lintScript(sound, [])).toEqual({ status: "clean" });
  expect(spoil(sound)).not.toBe(sound);
  expect(lintScript(spoil(sound), [])).toMatchObject({ status: "refused" });
});

test.each([
  ["plain", FAKE],
  ["quoted for the shell", quoted(FAKE)],
  ["as JSON", JSON.stringify(FAKE)],
  ["URL-encoded", encodeURIComponent(FAKE)],
  ["base64", Buffer.from(FAKE).toString("base64")],
  ["hexadecimal", Buffer.from(FAKE).toString("hex")],
])("a fake is found %s", (_, text) => {
  expect(fakesIn(`x${text}y`, [FAKE])).toBe(1);
  expect(lintScript(script(`x${text}y`, "b"), [FAKE])).toMatchObject({ status: "refused" });
});

test("a fake too short to be told from text is no reason", () => {
  expect(fakesIn("umask 077", ["077", ""])).toBe(0);
});
