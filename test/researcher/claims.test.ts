import { assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import type { Reading } from "../../src/guest/research/reading.ts";
import { claims } from "../../src/researcher/claims.ts";

const SHA = "b".repeat(64);
const TEXT = "first line of it\nthe second line is longer\nétranger 日本語 and more";
const HANDED = {
  source: "feed",
  asOf: "2026-11-01",
  documents: [
    { id: "one", title: "A title of its own", published: null, url: null, text: TEXT },
    { id: "one", title: "The same id again", published: null, url: null, text: "words of the twin" },
  ],
};

function reading(quote: string, over: Partial<Reading> = {}): Reading {
  return {
    sha256: SHA,
    document: "one",
    question: "describes",
    about: ["w-1"],
    outcome: "answered",
    claims: [{ weakness: "w-1", quote }],
    ...over,
  };
}

test.each([
  ["a part of a line", "second line is", 21],
  ["a whole line", "first line of it", 0],
  ["characters beyond ASCII", "étranger 日本語", TEXT.indexOf("étranger")],
  ["a part of the title", "title of its own", -1],
  ["a line of another document of the same id", "words of the twin", 0],
])("%s is found where it stands", (_, quote, start) => {
  const all = claims();
  expect(all.take(reading(quote), HANDED)).toEqual({ claims: [{ claim: "c1", weakness: "w-1" }], dropped: 0 });
  expect(all.cited("w-1", [{ claim: "c1", sha256: SHA }], () => true)).toMatchObject({
    status: "held",
    citations: [{ quote, start, source: "feed", document: "one" }],
  });
});

test.each([
  ["words that stand nowhere", reading("words that stand nowhere")],
  ["other letters than the document's", reading("First line of it")],
  ["words of two lines", reading("of it\nthe second")],
  ["a weakness that was not asked about", reading("first line of it", { about: ["w-2"] })],
  ["claims of a reader that acted", reading("first line of it", { outcome: "acted" })],
])("%s: dropped, and counted", (_, one) => {
  const all = claims();
  expect(all.take(one, HANDED)).toEqual({ claims: [], dropped: 1 });
  expect(all.tally()).toMatchObject({ claims: 0, dropped: 1 });
  expect(all.cited("w-1", [{ claim: "c1", sha256: SHA }], () => true)).toMatchObject({ status: "refused" });
});

test("a text that was not handed in, or has no such document, is no reading", () => {
  const all = claims();
  expect(all.take(reading("first line of it"), undefined)).toBeNull();
  expect(all.take(reading("first line of it", { document: "two" }), HANDED)).toBeNull();
  expect(all.tally()).toMatchObject({ documents: 0, dropped: 0 });
});

test("whatever a reader quotes, a claim that holds stands in the document byte for byte", () => {
  assert(
    property(string({ minLength: 12, maxLength: 40 }), (quote) => {
      const held = claims().take(reading(quote), HANDED)?.claims.length === 1;
      return held === HANDED.documents.some(({ title, text }) => title.includes(quote) || text.includes(quote));
    }),
  );
});
