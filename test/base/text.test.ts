import { expect, test } from "vitest";
import { count, inert, oneLine } from "../../src/base/text.ts";

test.each([
  ["bidi override", "a\u202eb", "a\\u{202e}b"],
  ["zero width space", "a\u200bb", "a\\u{200b}b"],
  ["escape sequence", "\u001b[31mred", "\\u{1b}[31mred"],
  ["tag character", "a\u{e0041}", "a\\u{e0041}"],
  ["line separator", "a\u2028b", "a\\u{2028}b"],
  ["tab and newline stay", "a\tb\nc", "a\tb\nc"],
  ["ordinary letters stay", "Grüße 你好", "Grüße 你好"],
])("inert text: %s", (_name, text, shown) => {
  expect(inert(text)).toBe(shown);
});

test("inert text is cut at its limit and says so", () => {
  expect(inert("x".repeat(600), 10)).toBe(`${"x".repeat(10)}…`);
});

test("one line is one line", () => {
  expect(oneLine(" a\n b\t\tc ")).toBe("a b c");
  expect([count(1, "finding"), count(2, "finding"), count(0, "entry", "entries")]).toEqual([
    "1 finding",
    "2 findings",
    "0 entries",
  ]);
});
