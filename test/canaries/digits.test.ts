import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  base32Spans,
  base32WrappedTo,
  base64WrappedTo,
  escapedHexSpans,
  hexSpans,
  type Span,
} from "../../src/canaries/digits.ts";

/** The same in the words of an expression, which is shorter, and falls over a long text that is made for it. */
const matches = (text: string, expression: RegExp): Span[] =>
  Array.from(text.matchAll(expression), ({ 0: { length }, index }) => ({ start: index, end: index + length }));
const bytesOf = (text: string) => Buffer.from(text, "latin1");
const textOf = (...pieces: string[]) =>
  fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((parts) => parts.join(""));

describe("what stands where is what an expression says", () => {
  test("hex", () => {
    fc.assert(
      fc.property(textOf("a", "0", "F9", "deadbeef", " ", ":", "g"), (text) => {
        const whole = /(?:[0-9A-Fa-f]{2}[ :]?){8,}[0-9A-Fa-f]?/g;
        expect(hexSpans(bytesOf(text), 0, text.length)).toEqual(matches(text, whole));
      }),
      { numRuns: 3_000 },
    );
  });

  test("hex behind escapes", () => {
    fc.assert(
      fc.property(textOf("\\x41", "\\xFf", "\\x4", "\\", "x", "41"), (text) => {
        expect(escapedHexSpans(bytesOf(text))).toEqual(matches(text, /(?:\\x[0-9A-Fa-f]{2}){4,}/g));
      }),
      { numRuns: 3_000 },
    );
  });

  test("base32", () => {
    fc.assert(
      fc.property(textOf("ABCDEFGH", "abcdefgh", "2345", "Z7", "z", "1", "/", "-", "aB"), (text) => {
        const words = /(?<![A-Za-z0-9])(?:[A-Z2-7]{16,}|[a-z2-7]{16,})(?![A-Za-z0-9])/g;
        expect(base32Spans(bytesOf(text), 0, text.length)).toEqual(matches(text, words));
      }),
      { numRuns: 3_000 },
    );
  });

  test.each([
    ["base64", /(?:\\?\r?(?:\n|\\n)[ \t]*[A-Za-z0-9+/_-]+)*/y, (bytes: Buffer) => base64WrappedTo(bytes, 2)],
    [
      "base32",
      /(?:\\?\r?(?:\n|\\n)[ \t]*[A-Z2-7]+)*/y,
      (bytes: Buffer) => base32WrappedTo(bytes, { start: 0, end: 2 }),
    ],
  ])("the end of wrapped %s", (_, expression, wrappedTo) => {
    fc.assert(
      fc.property(textOf("AB", "q", "\n", "\\n", "\\", "\r", " ", "\t", "="), (rest) => {
        expression.lastIndex = 2;
        expect(wrappedTo(bytesOf(`AB${rest}`))).toBe(2 + (expression.exec(`AB${rest}`)?.[0].length ?? 0));
      }),
      { numRuns: 3_000 },
    );
  });
});

test("text that goes on for megabytes is read to its end", () => {
  const whole = (bytes: Buffer) => [{ start: 0, end: bytes.length }];
  const hex = Buffer.alloc(16_000_000, "ab");
  expect(hexSpans(hex, 0, hex.length)).toEqual(whole(hex));
  const spaced = Buffer.alloc(15_000_000, "ab ");
  expect(hexSpans(spaced, 0, spaced.length)).toEqual(whole(spaced));
  const escaped = Buffer.alloc(16_000_000, "\\x41");
  expect(escapedHexSpans(escaped)).toEqual(whole(escaped));
  const capitals = Buffer.alloc(16_000_000, "A");
  expect(base32Spans(capitals, 0, capitals.length)).toEqual(whole(capitals));
  const lines = Buffer.alloc(16_000_000, "A\n");
  expect(base64WrappedTo(lines, 1)).toBe(lines.length - 1);
  expect(base32WrappedTo(lines, { start: 0, end: 1 })).toBe(lines.length - 1);
});
