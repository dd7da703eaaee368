import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { recoverSpend, spendLeaf } from "../../src/cycle/spend.ts";
import type { ModelSpend } from "../../src/egress/egress.ts";
import { purseOf } from "../../src/egress/modelBill.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { newLog } from "../support/ledger/logs.ts";

const CYCLE = "c20261121-042839-9f3a1c";
const PRICE = { inputPerMTok: 3, outputPerMTok: 15 };

function spent(calls: number): ModelSpend {
  return { calls, unsaid: 0, inputTokens: 10, outputTokens: 5, tokens: 15, tokensMax: 100, money: null };
}

function bench() {
  const runDir = mkdtempSync(join(tmpdir(), "wd-spend-"));
  onTestFinished(() => rmSync(runDir, { recursive: true, force: true }));
  const { ledger } = newLog();
  return { cycle: CYCLE, runDir, ledger };
}

const leaves = (ledger: Ledger) =>
  ledger.read().flatMap(({ leaf, payload }) => (leaf.kind === "model.spent" ? [payload] : []));

test("what was spent is one leaf, the last word of it, however often it is closed", () => {
  const ground = bench();
  const leaf = spendLeaf(ground);
  leaf.hear(spent(1));
  leaf.hear(spent(2));
  leaf.close();
  leaf.close();
  leaf.hear(spent(3));
  expect(leaves(ground.ledger)).toEqual([spent(2)]);
  recoverSpend(ground);
  expect(leaves(ground.ledger)).toHaveLength(1);
});

test("nothing spent is no leaf, also when a call was begun that cost nothing", () => {
  const ground = bench();
  spendLeaf(ground).close();
  const leaf = spendLeaf(ground);
  leaf.hear(spent(0));
  leaf.close();
  recoverSpend(ground);
  expect(leaves(ground.ledger)).toEqual([]);
});

test("a cycle that could not write its leaf has it written by whoever finds what it left", () => {
  const ground = bench();
  spendLeaf(ground).hear(spent(2));
  recoverSpend(ground);
  expect(leaves(ground.ledger)).toEqual([{ ...spent(2), recovered: true }]);
});

test("a word that was cut off as it was written is none, and what is no file is an accident", () => {
  const ground = bench();
  const path = join(ground.runDir, "spent.json");
  for (const text of ["", '{"calls":', "{}", '{"calls":-1}']) {
    writeFileSync(path, text);
    recoverSpend(ground);
  }
  expect(leaves(ground.ledger)).toEqual([]);
  rmSync(path);
  mkdirSync(path);
  expect(() => recoverSpend(ground)).toThrow(/EISDIR/);
});

test("a call counts as the most that it can cost from before it is made until it says what it did cost", () => {
  const heard: ModelSpend[] = [];
  const money = { max: 1, currency: "EUR", prices: { "m-1": PRICE } };
  const budget = { baseUrl: "http://127.0.0.1:9", key: "k", models: ["m-1"], tokensMax: 1_000, money };
  const purse = purseOf({ kind: "openai", ...budget }, (spend) => heard.push(spend));
  const bill = (tokens: number) => {
    const opened = purse.open({ tokens, micros: tokens * 15 }, undefined);
    if (opened.status === "over") throw new Error("there is enough");
    return opened;
  };
  const first = bill(100);
  const second = bill(200);
  const third = bill(300);
  expect(heard.at(-1)).toMatchObject({ calls: 3, unsaid: 3, tokens: 600, money: { spent: 0.009 } });
  first.settle({ input: 10, cachedInput: 0, cacheWrite: 0, output: 5 });
  expect(heard.at(-1)).toMatchObject({ calls: 3, unsaid: 2, inputTokens: 10, outputTokens: 5, tokens: 515 });
  second.settle("nothing");
  third.settle("unsaid");
  third.settle("nothing");
  expect(heard.at(-1)).toMatchObject({ calls: 2, unsaid: 1, tokens: 315 });
  expect(purse.open({ tokens: 700, micros: 0 }, undefined)).toEqual({ status: "over", what: "tokens" });
});
