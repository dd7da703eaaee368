import * as fc from "fast-check";
import { expect, test } from "vitest";
import { hunksOf, occurrences } from "../../src/mitigation/edit.ts";

function edited(before: string, find: string, text: string) {
  const start = before.indexOf(find);
  return hunksOf(before, [{ start, end: start + find.length, text }]);
}

test("an edit that stands alone needs nothing around it", () => {
  expect(edited("a = 1\nb = 2\n", "b = 2", "b = 3")).toEqual({
    status: "edited",
    after: "a = 1\nb = 3\n",
    hunks: [{ before: "b = 2", after: "b = 3" }],
  });
});

test("a removed line takes its neighbours along, so that its place is known", () => {
  const result = edited("a\nb\nc\nd\n", "b\n", "");
  expect(result).toMatchObject({ hunks: [{ before: "a\nb\nc\n", after: "a\nc\n" }] });
});

test("of two equal lines, the one that is meant is told by what stands around it", () => {
  const before = "[one]\nmode = off\n[two]\nmode = off\n";
  const start = before.lastIndexOf("off");
  const result = hunksOf(before, [{ start, end: start + 3, text: "on" }]);
  expect(result).toMatchObject({ after: "[one]\nmode = off\n[two]\nmode = on\n" });
});

test.each([
  ["the same text over and over", "x\n".repeat(40), 40, 41],
  ["the whole of a file", "x", 0, 1],
])("no hunk is made of %s", (_, before, start, end) => {
  expect(hunksOf(before, [{ start, end, text: "" }])).toMatchObject({ status: "ambiguous" });
});

test("edits that overlap, and no edits, make no hunks", () => {
  expect(
    hunksOf("abcdef", [
      { start: 0, end: 3, text: "" },
      { start: 2, end: 4, text: "" },
    ]),
  ).toMatchObject({ status: "ambiguous" });
  expect(hunksOf("abc", [])).toMatchObject({ status: "ambiguous" });
});

test("whatever hunks are made: each side occurs once on its side and never on the other, and they lead there and back", () => {
  const line = fc.string({ unit: fc.constantFrom("a", "b", '"', " ", "é"), maxLength: 6 });
  expect.hasAssertions();
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 12 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(8), fc.string({ unit: fc.constantFrom("a", "z", "\n"), maxLength: 4 })), {
        minLength: 1,
        maxLength: 3,
      }),
      (lines, raw) => {
        const before = lines.join("\n");
        const edits = raw.map(([at, length, text]) => {
          const start = at % (before.length + 1);
          return { start, end: Math.min(before.length, start + length), text };
        });
        const result = hunksOf(before, edits);
        if (result.status === "ambiguous") return;
        const isUnique = result.hunks.every(
          (h) =>
            occurrences(before, h.before) === 1 &&
            occurrences(before, h.after) === 0 &&
            occurrences(result.after, h.after) === 1 &&
            occurrences(result.after, h.before) === 0,
        );
        const there = result.hunks.reduce((text, h) => text.replace(h.before, () => h.after), before);
        const back = result.hunks.toReversed().reduce((text, h) => text.replace(h.after, () => h.before), there);
        expect([isUnique, there, back]).toEqual([true, result.after, before]);
      },
    ),
    { numRuns: 3_000 },
  );
});
