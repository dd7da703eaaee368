import { assert, constantFrom, jsonValue, oneof, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { callTool, TOOLS } from "../../../src/guest/research/tools.ts";
import { brief, row, weakness } from "./study.ts";

const ROWS = [
  row("file:/a"),
  row("file:/b", { verdict: "denied", access: [] }),
  row("other:/c"),
  ...Array.from({ length: 60 }, (_, i) => row(`many:/${i}`)),
];
const BRIEF = brief({ observations: ROWS, weaknesses: [weakness()] });

function text(name: string, input: unknown): string {
  const outcome = callTool(name, input, BRIEF);
  if (outcome.status !== "answer") throw new Error(`${name} was ${outcome.status}`);
  return outcome.text;
}

function ids(input: unknown): { total: number; ids: string[] } {
  const { total, rows } = JSON.parse(text("list_observations", input)) as { total: number; rows: { id: string }[] };
  return { total, ids: rows.map(({ id }) => id) };
}

describe("list_observations", () => {
  test("gives a page, and says how many there are in all", () => {
    const first = ids({});
    const second = ids({ offset: 50 });
    expect([first.total, first.ids.length, second.ids.length]).toEqual([63, 50, 13]);
    expect([...first.ids, ...second.ids]).toEqual(ROWS.map(({ id }) => id));
    expect(ids({ offset: 63 })).toEqual({ total: 63, ids: [] });
  });

  test("gives those of one check or of one verdict", () => {
    expect(ids({ check: "file" })).toEqual({ total: 2, ids: ["file:/a", "file:/b"] });
    expect(ids({ check: "file", verdict: "denied" })).toEqual({ total: 1, ids: ["file:/b"] });
    expect(ids({ check: "none" })).toEqual({ total: 0, ids: [] });
  });
});

test("list_weaknesses gives the catalogue as it is in the brief", () => {
  expect(JSON.parse(text("list_weaknesses", {}))).toEqual(BRIEF.weaknesses);
});

test("a candidate is handed on as it is, whether its ids are known or not: that is decided outside", () => {
  const candidate = {
    weakness: "none-such",
    observations: ["file:/never"],
    note: "n",
    cites: [{ claim: "c1", sha256: "0".repeat(64) }],
  };
  expect(callTool("propose_candidate", candidate, BRIEF)).toEqual({ status: "candidate", candidate });
  const { note: _, cites: __, ...bare } = candidate;
  expect(callTool("propose_candidate", bare, BRIEF)).toEqual({
    status: "candidate",
    candidate: { ...bare, note: "", cites: [] },
  });
});

test.each([
  ["list_observations", { check: 5 }, "see check"],
  ["list_observations", { verdict: "open" }, "see verdict"],
  ["list_observations", { offset: -1 }, "see offset"],
  ["list_observations", { path: "/etc/shadow" }, "see its arguments"],
  ["list_weaknesses", { x: 1 }, "see its arguments"],
  ["propose_candidate", {}, "see weakness"],
  ["propose_candidate", { weakness: "w", observations: [] }, "see observations"],
  ["propose_candidate", { weakness: "w", observations: [1] }, "see observations.0"],
  ["propose_candidate", { weakness: "w", observations: ["x".repeat(241)] }, "see observations.0"],
  ["propose_candidate", { weakness: "w", observations: ["x"], note: "x".repeat(601) }, "see note"],
  [
    "propose_candidate",
    { weakness: "w", observations: ["x"], cites: [{ claim: "c1", sha256: "0" }] },
    "see cites.0.sha256",
  ],
  ["study_source", { source: "nvd", question: "describes", about: [] }, "see about"],
  ["study_source", { source: "nvd", question: "what does it say?", about: ["w-1"] }, "see question"],
  ["study_source", { source: "nvd", question: "describes", about: ["w-1"], url: "x" }, "see its arguments"],
  ["study_source", { source: "nvd", question: "describes", about: ["w-1"], params: { a: { b: 1 } } }, "see params.a"],
  ["list_sources", { url: "https://evil.example/" }, "see its arguments"],
  ["propose_candidate", null, "see its arguments"],
  ["propose_candidate", "text", "see its arguments"],
  ["propose_candidate", [], "see its arguments"],
])("%s with %j is answered in words", (name, input, place) => {
  expect(text(name, input)).toContain(`${name} does not take this, ${place}: `);
});

test.each(["fetch", "bash", "", "__proto__", "constructor", "list_observations "])("there is no tool %j", (name) => {
  expect(text(name, {})).toBe(`there is no tool ${name.trim()}`);
});

test("whatever a model sends, a call ends in one of a few ways and its answer to a wrong one is short and inert", () => {
  const names = oneof(string(), constantFrom(...TOOLS.map(({ name }) => name)));
  assert(
    property(names, jsonValue(), (name, input) => {
      const outcome = callTool(name, input, brief());
      const said = outcome.status === "answer" ? outcome.text : outcome.status;
      return /^[^\p{Cc}]{1,700}$/u.test(said);
    }),
  );
});

test("what a vendor is told of each tool is a closed JSON Schema of what the tool takes", () => {
  expect(TOOLS.map(({ name }) => name)).toEqual([
    "list_observations",
    "list_weaknesses",
    "list_sources",
    "study_source",
    "propose_candidate",
    "finish",
  ]);
  for (const { parameters } of TOOLS)
    expect(parameters).toMatchObject({ type: "object", additionalProperties: false });
  expect(TOOLS[4]?.parameters.required).toEqual(["weakness", "observations"]);
  expect(TOOLS[0]?.parameters.required).toBeUndefined();
});
