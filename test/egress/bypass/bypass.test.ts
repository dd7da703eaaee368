import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Judged } from "./case.ts";
import { CASES } from "./cases.ts";
import { tryAll } from "./enter.ts";

let judged: Judged[];
beforeAll(async () => {
  judged = await tryAll(join(import.meta.dirname, "ours.ts"));
}, 300_000);

test.each(CASES)(
  "way $number round the gateway is shut, and what is allowed beside it passes: $name",
  ({ number }) => {
    const verdict = judged.find((one) => one.number === number)?.verdict;
    expect(verdict).toEqual({ status: "blocked", attempts: expect.any(Number) });
  },
);

test("there are 23 of them, each with something allowed beside it", () => {
  expect(CASES.map(({ number }) => number)).toEqual(Array.from({ length: 23 }, (_, i) => i + 1));
  expect(CASES.filter(({ allowed, attempts }) => allowed.length === 0 || attempts.length === 0)).toEqual([]);
});
