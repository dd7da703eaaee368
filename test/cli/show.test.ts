import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OperatorError } from "../../src/base/errors.ts";
import { verb as findings } from "../../src/cli/findings.ts";
import { verb as show } from "../../src/cli/show.ts";
import type { Verb, VerbInput } from "../../src/cli/verb.ts";
import type { Finding, MitigationOffer } from "../../src/findings/finding.ts";
import { openStore } from "../../src/store/openStore.ts";
import { AT, CYCLE, findingsOf, SAMPLE } from "../findings/sample.ts";

const OFFER: MitigationOffer = {
  id: "devcontainer.remove-mount",
  title: "Take the mount out",
  effects: ["rebuild it"],
  files: ["workspace/.devcontainer.json"],
  applyScript: "#!/bin/sh\nexit 0\n",
  reverseScript: "#!/bin/sh\nexit 1\n",
  diff: "--- a\n+++ b\n-x\u202e\n",
  roundTrip: { status: "proved", reason: "", steps: [{ step: "apply", clone: "A", isTrue: true, detail: "code 0" }] },
};

let directory = "";
let known: Finding[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "weakdoor-cli-"));
  known = findingsOf(SAMPLE).map((f, i) => (i === 0 ? { ...f, mitigation: OFFER, note: "mind \u001b[2J this" } : f));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function save(change: (finding: Finding, i: number) => Finding = (f) => f): void {
  const store = openStore(join(directory, ".weakdoor"));
  store.saveFindings({ stack: "demo", cycle: CYCLE, at: AT, findings: known.map(change), moves: [] });
  store.close();
}

async function run(verb: Verb, values: VerbInput["values"], positionals: string[] = []) {
  const out: string[] = [];
  const shapes: unknown[] = [];
  const io = {
    out: (line: string) => out.push(line),
    err: () => undefined,
    json: (value: unknown) => shapes.push(value),
  };
  const signal = new AbortController().signal;
  const code = await verb.run({ values, positionals, io, cwd: directory, signal });
  return { code, out: out.join("\n"), json: shapes[0] };
}

test("the table has the worst first, and an id that the other verbs take", async () => {
  save();
  const { code, out } = await run(findings, {});
  expect(code).toBe(0);
  const lines = out.split("\n");
  expect(lines[0]).toMatch(/^id +severity +state +category +title$/);
  expect(lines.slice(1).map((line) => line.split(/ +/)[1])).toEqual(["critical", "high", "medium"]);
  const id = lines[1]?.split(/ +/)[0] ?? "";
  expect((await run(show, {}, [id])).out).toContain(known[0]?.title);
});

test("what is resolved is counted, and listed when asked for", async () => {
  save((f, i) => (i === 0 ? { ...f, state: "resolved" } : f));
  expect((await run(findings, {})).out).toMatch(/1 finding resolved or suppressed/);
  expect((await run(findings, { all: true })).out).toContain("resolved");
});

test("an empty store says that nothing is open, and a missing one that there is none", async () => {
  await expect(run(findings, {})).rejects.toThrow(OperatorError);
  known = [];
  save();
  expect((await run(findings, {})).out).toBe("no finding is open");
});

test("--json prints the stored shape whole", async () => {
  save();
  expect((await run(findings, { json: true })).json).toHaveLength(3);
  expect((await run(show, { json: true }, [known[0]?.id ?? ""])).json).toEqual(known[0]);
});

test("an approver sees route, evidence, severity's reasons, effects, diff, proof and what to type, and nothing alive", async () => {
  save();
  const { out } = await run(show, {}, [known[0]?.id ?? ""]);
  for (const part of [
    "route",
    "evidence",
    "why this severity",
    "rebuild it",
    "what apply changes",
    "is proved",
    "held  A  apply",
    "weakdoor approve",
    "T1611",
  ])
    expect(out).toContain(part);
  expect(out).toContain("\\u{202e}");
  expect(out.includes("\u001b") || out.includes("\u202e")).toBe(false);
  expect(out).toContain("checked by nobody");
});

test("what is not proved is not offered for approval", async () => {
  const roundTrip = { ...OFFER.roundTrip, status: "refuted" as const, reason: "it stayed" };
  save((f, i) => (i === 0 ? { ...f, mitigation: { ...OFFER, roundTrip } } : f));
  const { out } = await run(show, {}, [known[0]?.id ?? ""]);
  expect(out).toContain("not to be approved");
  expect(out).not.toContain("weakdoor approve");
});

test("a script is printed byte for byte", async () => {
  save();
  const id = known[0]?.id ?? "";
  expect(`${(await run(show, { script: "apply" }, [id])).out}\n`).toBe(OFFER.applyScript);
  expect(`${(await run(show, { script: "reverse" }, [id])).out}\n`).toBe(OFFER.reverseScript);
});

test.each<[string, VerbInput["values"], number | undefined, RegExp]>([
  ["no id", {}, undefined, /needs the id/],
  ["another script", { script: "rm" }, 0, /no script rm/],
  ["a script of a finding without", { script: "apply" }, 1, /no mitigation/],
])("%s is told in one line with a hint", async (_, values, index, message) => {
  save();
  await expect(run(show, values, index === undefined ? [] : [known[index]?.id ?? ""])).rejects.toThrow(message);
});
