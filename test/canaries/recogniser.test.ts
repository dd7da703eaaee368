import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { assert, constantFrom, property, string, uniqueArray } from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeMaker } from "../../src/canaries/fakes.ts";
import { KINDS } from "../../src/canaries/kinds/all.ts";
import { matcher } from "../../src/canaries/matcher.ts";
import { recogniser } from "../../src/canaries/recogniser.ts";
import { searchStream } from "../../src/canaries/stream.ts";

const clock = { now: () => new Date("2026-11-21T04:28:39Z"), monotonicMs: () => 0 };
const masterKey = Buffer.alloc(32, 7);
const cycle = "c20261121-042839-9f3a1c";
const fakes = fakeMaker({ masterKey, cycle, clock });
const planted = KINDS.map((kind) => fakes.fakeFor("", kind.name, { cycle, file: `home/${kind.name}` }));
const finder = recogniser(planted);

const ENCODINGS: Record<string, (text: string) => string | Buffer> = {
  plain: (text) => text,
  base64: (text) => Buffer.from(text).toString("base64"),
  base64url: (text) => Buffer.from(text).toString("base64url"),
  wrapped: (text) => Buffer.from(text).toString("base64").replaceAll(/.{20}/g, "$&\n"),
  "base64 twice": (text) => Buffer.from(Buffer.from(text).toString("base64")).toString("base64"),
  base32: (text) => base32(Buffer.from(text)),
  "base32 in small letters": (text) => base32(Buffer.from(text)).toLowerCase(),
  "base32, wrapped": (text) => base32(Buffer.from(text)).replaceAll(/.{76}/g, "$&\n"),
  "gzip in base32": (text) => base32(gzipSync(text)),
  "UTF-16": (text) => Buffer.from(text, "utf16le"),
  "UTF-16, the other way round": (text) => Buffer.from(text, "utf16le").swap16(),
  "UTF-16 in base64": (text) => Buffer.from(text, "utf16le").toString("base64"),
  hex: (text) => Buffer.from(text).toString("hex"),
  "hex in capitals": (text) => Buffer.from(text).toString("hex").toUpperCase(),
  url: (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
  "JSON in JSON": (text) => JSON.stringify(JSON.stringify({ a: text })),
  unicode: (text) =>
    text
      .split("")
      .map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  backwards: (text) => Buffer.from(Buffer.from(text).toReversed()),
  gzip: (text) => gzipSync(text),
  "gzip in base64": (text) => gzipSync(text).toString("base64"),
  basic: (text) => `Authorization: Basic ${Buffer.from(`user:${text}`).toString("base64")}`,
};

/** RFC 4648, 6, by the table and a number as long as the text. */
function base32(bytes: Buffer): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  const digits = (bits.match(/.{1,5}/g) ?? []).map(
    (five) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[Number.parseInt(five.padEnd(5, "0"), 2)],
  );
  return digits.join("").padEnd(Math.ceil(digits.length / 8) * 8, "=");
}

test("the base32 of these tests is that of the RFC", () => {
  expect(["f", "foobar"].map((text) => base32(Buffer.from(text)))).toEqual(["MY======", "MZXW6YTBOI======"]);
});

describe.each(Object.entries(ENCODINGS))("written as %s", (_name, encode) => {
  test("every kind is found at every alignment, and only it", () => {
    for (const fake of planted) {
      for (const before of ["", "x", "xy", "the value is "]) {
        const found = finder.search(Buffer.from(encode(`${before}${fake.value}${before}`)));
        expect(
          found.map((sighting) => sighting.fakeId),
          `${fake.kind} ${before}`,
        ).toContain(fake.id);
        expect(new Set(found.map((sighting) => sighting.fakeId)).size).toBe(1);
      }
    }
  });
});

test("a sighting says how it was written, outermost first, and where", () => {
  const fake = planted[2];
  const inner = gzipSync(`-- ${fake?.value} --`).toString("base64");
  expect(finder.search(Buffer.from(`body=${inner}`))).toMatchObject([
    { encoding: "base64+gzip", cycle, kind: fake?.kind },
  ]);
  expect(finder.search(Buffer.from(`key=${fake?.value}`))).toMatchObject([
    { encoding: "plain", offset: 4, file: fake?.file },
  ]);
});

test("with the key alone a fake that carries a block tells kind, cycle and id; with another key it tells nothing", () => {
  const keyed = recogniser([], masterKey);
  const other = recogniser([], randomBytes(32));
  const told = planted.filter((fake) =>
    keyed.search(Buffer.from(`"${fake.value}"`)).some((s) => s.fakeId === fake.id && s.cycle === cycle),
  );
  const short = ["private-key", "aws-access-key-id", "gitlab-token", "pypi-token", "openai-key", "uuid"];
  expect(planted.filter((fake) => !told.includes(fake)).map((fake) => fake.kind)).toEqual(short);
  for (const fake of planted) expect(other.search(Buffer.from(fake.value))).toEqual([]);
});

test("nothing is found in random bytes and random base64, with and without the key", () => {
  const both = recogniser(planted, masterKey);
  expect(both.search(randomBytes(300_000))).toEqual([]);
  expect(both.search(Buffer.from(randomBytes(300_000).toString("base64")))).toEqual([]);
  expect(both.search(Buffer.from(base32(randomBytes(300_000))))).toEqual([]);
});

test("a gzip bomb gives its beginning and costs little", () => {
  const bomb = gzipSync(Buffer.concat([Buffer.from(`${planted[0]?.value}`), Buffer.alloc(200_000_000)]));
  const started = performance.now();
  expect(finder.search(bomb).map((sighting) => sighting.fakeId)).toEqual([planted[0]?.id]);
  expect(performance.now() - started).toBeLessThan(2000);
});

test("hostile text full of escapes is searched in bounded time", () => {
  const started = performance.now();
  for (const text of ["%41", "\\u0041", "&amp;", "QUFB", "4141", "\\\\", "%25"])
    finder.search(Buffer.from(text.repeat(100_000)));
  expect(performance.now() - started).toBeLessThan(10_000);
});

test("a text that holds more to decode than is worth decoding is not called searched", () => {
  const magic = Buffer.from([0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3]);
  const started = performance.now();
  const many = finder.inspect(
    Buffer.concat([Buffer.alloc(2_000_000, gzipSync("x")), gzipSync(planted[0]?.value ?? "")]),
  );
  expect(many).toEqual({ sightings: [], isWhole: false });
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(finder.inspect(Buffer.concat([magic, gzipSync(planted[0]?.value ?? "")]))).toMatchObject({
    sightings: [{ fakeId: planted[0]?.id, encoding: "gzip" }],
    isWhole: true,
  });
  expect(finder.inspect(gzipSync(Buffer.alloc(200_000_000)))).toEqual({ sightings: [], isWhole: false });
  expect(finder.inspect(randomBytes(100_000))).toEqual({ sightings: [], isWhole: true });
});

test("a fake cut in two by chunks is found once, with its place in the stream", () => {
  const stream = searchStream(finder);
  const text = Buffer.from(`${"-".repeat(1000)}${planted[2]?.value}${"-".repeat(1000)}`);
  const found = [];
  for (let at = 0; at < text.length; at += 17) found.push(...stream.push(text.subarray(at, at + 17)).sightings);
  expect(found).toMatchObject([{ fakeId: planted[2]?.id, offset: 1000 }]);
});

test("the matcher finds what indexOf finds", () => {
  const letters = string({ unit: constantFrom("a", "b"), maxLength: 60 });
  const word = string({ unit: constantFrom("a", "b"), minLength: 4, maxLength: 7 });
  assert(
    property(letters, uniqueArray(word, { maxLength: 6 }), (text, words) => {
      const found: string[] = [];
      matcher(words.map((tag) => ({ bytes: Buffer.from(tag), tag }))).find(Buffer.from(text), (n, at) =>
        found.push(`${n.tag}@${at}`),
      );
      const expected = words.flatMap((w) =>
        text.split("").flatMap((_, at) => (text.startsWith(w, at) ? [`${w}@${at}`] : [])),
      );
      expect(found.sort()).toEqual(expected.sort());
    }),
  );
});
