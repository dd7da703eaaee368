import { expect, test } from "vitest";
import { editDistance, nearest } from "../../src/config/nearest.ts";

test.each([
  ["taget", "target"],
  ["TARGET", "target"],
  ["tagret", "target"],
  ["lba", "lab"],
  ["zzzzzz", undefined],
])("%s means %s", (word, meant) => {
  expect(nearest(word, ["target", "lab", "limits"])).toBe(meant);
});

test("the distance counts insertions, deletions, changes and swaps", () => {
  expect(editDistance("", "abc")).toBe(3);
  expect(editDistance("abc", "acb")).toBe(1);
  expect(editDistance("kitten", "sitting")).toBe(3);
});
