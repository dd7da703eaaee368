import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OperatorError } from "../../src/base/errors.ts";
import { verb as clone } from "../../src/cli/clone.ts";
import { verb as recognise } from "../../src/cli/recognise.ts";
import type { Verb } from "../../src/cli/verb.ts";

const SECRET = "Zr7-4f9a2b_c81d";
let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "weakdoor-cli-"));
  mkdirSync(join(cwd, "stack"));
  writeFileSync(join(cwd, "stack/.env"), `DB_PASSWORD=${SECRET}\n`);
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

async function run(verb: Verb, positionals: string[], values: Record<string, string | boolean> = {}) {
  const lines: string[] = [];
  const json: unknown[] = [];
  const io = {
    out: (line: string) => lines.push(line),
    err: (line: string) => lines.push(line),
    json: (value: unknown) => json.push(value),
  };
  const code = await verb.run({ values, positionals, io, cwd, signal: AbortSignal.timeout(20_000) });
  return { code, lines, json };
}

test("clone says what was replaced, where and of what kind, and never the value; recognise then finds the fake", async () => {
  const made = await run(clone, ["stack"], { out: "copy", state: "state" });
  expect(made.code).toBe(0);
  expect(made.lines[0]).toBe("replaced workspace/.env DB_PASSWORD line 1 password by structure");
  expect(made.lines.at(-1)).toMatch(/^proved clean: 1 file, \d+ bytes, 1 value looked for in 9 encodings$/);
  expect(made.lines.join("\n")).not.toContain(SECRET);
  const fake = readFileSync(join(cwd, "copy/workspace/.env"), "utf8").trim().slice("DB_PASSWORD=".length);
  expect(fake).toHaveLength(SECRET.length);
  expect(statSync(join(cwd, "state/fakes.jsonl")).mode & 0o777).toBe(0o600);

  writeFileSync(join(cwd, "log.txt"), `seen: ${Buffer.from(`u:${fake}`).toString("base64")}\n`);
  const seen = await run(recognise, ["log.txt"], { state: "state", json: true });
  expect(seen.code).toBe(10);
  expect(seen.json).toMatchObject([
    [{ in: "log.txt", kind: "password", file: "workspace/.env", encoding: "base64" }],
  ]);
  expect(JSON.stringify(seen.json)).not.toContain(fake);
});

test("recognise finds nothing in a text without fakes, and says how much it looked at", async () => {
  await run(clone, ["stack"], { out: "copy", state: "state" });
  const seen = await run(recognise, ["stack/.env"], { state: "state" });
  expect(seen).toMatchObject({ code: 0, lines: ["0 sightings in 1 file"] });
});

test.each<[string, Verb, string[], Record<string, string>]>([
  ["clone without --out", clone, ["stack"], {}],
  ["clone of nothing", clone, ["nowhere"], { out: "copy", state: "state" }],
  ["clone into itself", clone, ["stack"], { out: "stack/copy", state: "state" }],
  ["recognise without a file", recognise, [], {}],
  ["recognise without a state", recognise, ["stack/.env"], { state: "none" }],
])("%s is the operator's to put right", async (_name, verb, positionals, values) => {
  await expect(run(verb, positionals, values)).rejects.toBeInstanceOf(OperatorError);
});

test("recognise of a file that is not there is the operator's to put right", async () => {
  await run(clone, ["stack"], { out: "copy", state: "state" });
  await expect(run(recognise, ["gone"], { state: "state" })).rejects.toBeInstanceOf(OperatorError);
});
