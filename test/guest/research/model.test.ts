import { describe, expect, test } from "vitest";
import type { Shelves } from "../../../src/guest/research/library.ts";
import {
  type Conversation,
  converse,
  failureOf,
  type Outside,
  type ToolAnswer,
  type Turn,
} from "../../../src/guest/research/model.ts";
import type { ProposedCandidate } from "../../../src/guest/research/scripted.ts";
import { brief } from "./study.ts";

/** A model that says these turns, the last one for ever, and remembers what it was answered. */
function scriptedModel(...turns: Turn[]): Conversation & { heard: ToolAnswer[][] } {
  const heard: ToolAnswer[][] = [];
  return {
    heard,
    next: async (answers) => {
      heard.push(answers);
      return turns[Math.min(heard.length, turns.length) - 1] ?? { status: "ended" };
    },
  };
}

const PROPOSAL = { weakness: "w-1", observations: ["file:/a"] };
const propose = (id: string): Turn => ({
  status: "calls",
  calls: [{ id, name: "propose_candidate", input: PROPOSAL }],
});
const calls = (...names: string[]): Turn => ({
  status: "calls",
  calls: names.map((name, i) => ({ id: `c${i}`, name, input: {} })),
});
const NO_SHELVES: Shelves = { list: async () => "no sources", study: async () => "no source" };
const outside = (submit: Outside["submit"]): Outside => ({ submit, shelves: NO_SHELVES });
const taken = outside(async () => ({ isTaken: true, text: "taken" }));

test.each([
  [{ status: "ended" }, "finished", ""],
  [{ status: "declined", reason: "no" }, "declined", "no"],
  [{ status: "cut", reason: "no tokens" }, "cut-by-budget", "no tokens"],
  [{ status: "failed", reason: "x".repeat(500) }, "failed", "x".repeat(400)],
] as const)("a model whose turn is %j ends the study, and is not asked again", async (turn, status, reason) => {
  const model = scriptedModel(propose("c1"), turn);
  expect(await converse(model, brief(), taken)).toEqual({ candidates: 1, turns: 2, status, reason });
  expect(model.heard).toHaveLength(2);
});

test("finish ends it in its turn, with what was proposed beside it", async () => {
  const handedIn: ProposedCandidate[] = [];
  const model = scriptedModel({
    status: "calls",
    calls: [
      { id: "a", name: "finish", input: {} },
      { id: "b", name: "propose_candidate", input: PROPOSAL },
    ],
  });
  const end = await converse(
    model,
    brief(),
    outside(async (candidate) => {
      handedIn.push(candidate);
      return { isTaken: true, text: "taken" };
    }),
  );
  expect(end).toEqual({ candidates: 1, turns: 1, status: "finished", reason: "" });
  expect(handedIn).toEqual([{ ...PROPOSAL, note: "", cites: [] }]);
});

test("a model that never ends is cut after its turns", async () => {
  const model = scriptedModel(calls("list_weaknesses"));
  const end = await converse(model, brief({ turnsMax: 3 }), taken);
  expect(end).toEqual({ candidates: 0, turns: 3, status: "cut-by-budget", reason: "3 turns were used up" });
  expect(model.heard).toHaveLength(3);
});

test("every call of a turn is answered by its id, also one of no tool and one too many", async () => {
  const model = scriptedModel(calls("fetch", ...Array.from({ length: 40 }, () => "list_weaknesses")), {
    status: "ended",
  });
  await converse(model, brief(), taken);
  const answers = model.heard[1] ?? [];
  expect(answers.map(({ id }) => id)).toEqual(Array.from({ length: 41 }, (_, i) => `c${i}`));
  expect(answers[0]?.text).toBe("there is no tool fetch");
  expect(answers[31]?.text).toBe("[]");
  expect(answers[32]?.text).toBe("at most 32 calls a turn");
});

test("a candidate that the broker refuses is told to the model and not counted", async () => {
  const model = scriptedModel(propose("c1"), propose("c2"), { status: "ended" });
  let asked = 0;
  const end = await converse(
    model,
    brief(),
    outside(async () => ({ isTaken: ++asked > 1, text: `answer ${asked}` })),
  );
  expect(end).toMatchObject({ candidates: 1, turns: 3, status: "finished" });
  expect(model.heard.slice(1)).toEqual([[{ id: "c1", text: "answer 1" }], [{ id: "c2", text: "answer 2" }]]);
});

test("what is asked of the shelves is answered from the shelves, by its id, whatever stands beside it", async () => {
  const wanted = { source: "nvd", params: { cveId: "CVE-2024-21626" }, question: "describes", about: ["w-1"] };
  const model = scriptedModel(
    {
      status: "calls",
      calls: [
        { id: "a", name: "list_sources", input: {} },
        { id: "b", name: "study_source", input: wanted },
        { id: "c", name: "study_source", input: { ...wanted, url: "https://evil.example/" } },
      ],
    },
    { status: "ended" },
  );
  const asked: unknown[] = [];
  const shelves: Shelves = { list: async () => "the list", study: async (one) => (asked.push(one), "read") };
  await converse(model, brief(), { ...taken, shelves });
  expect(model.heard[1]).toEqual([
    { id: "a", text: "the list" },
    { id: "b", text: "read" },
    { id: "c", text: expect.stringContaining("does not take this") as string },
  ]);
  expect(asked).toEqual([{ ...wanted, from: "live", offset: 0 }]);
});

test("a broker that cannot be reached is an accident and not an answer", async () => {
  const broken = converse(
    scriptedModel(propose("c1")),
    brief(),
    outside(() => Promise.reject(new Error("gone"))),
  );
  await expect(broken).rejects.toThrow("gone");
});

describe("an SDK's error", () => {
  const refusal = { type: "refused_by_gateway", message: "the token budget does not cover it" };
  test.each([
    ["the gateway's 429, as one SDK hands it on", 429, { type: "error", error: refusal }, "cut", refusal.message],
    ["the gateway's 429, as the other does", 429, refusal, "cut", refusal.message],
    ["another refusal of the gateway's", 403, refusal, "failed", `the gateway refused the call: ${refusal.message}`],
    ["a vendor's rate limit", 429, { error: { type: "rate_limit_error" } }, "failed", "429 slow down"],
    ["a vendor's error", 500, undefined, "failed", "429 slow down"],
    ["no answer at all", undefined, undefined, "failed", "429 slow down"],
  ])("%s", (_, status, error, expected, reason) => {
    const thrown = { message: "429 slow down", error, ...(status === undefined ? {} : { status }) };
    expect(failureOf(thrown)).toEqual({ status: expected, reason });
  });
});
