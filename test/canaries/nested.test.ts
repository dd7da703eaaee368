import { randomBytes } from "node:crypto";
import { deflateSync, gzipSync } from "node:zlib";
import { array, assert, constantFrom, nat, property, record, string, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { fakeMaker } from "../../src/canaries/fakes.ts";
import { KINDS } from "../../src/canaries/kinds/all.ts";
import { recogniser } from "../../src/canaries/recogniser.ts";
import { searchStream } from "../../src/canaries/stream.ts";

const clock = { now: () => new Date("2026-11-21T04:28:39Z"), monotonicMs: () => 0 };
const masterKey = Buffer.alloc(32, 7);
const cycle = "c20261121-042839-9f3a1c";
const maker = fakeMaker({ masterKey, cycle, clock });
const planted = KINDS.map((kind) => maker.fakeFor("", kind.name, { cycle, file: `home/${kind.name}` }));
const finder = recogniser(planted, masterKey);

const hexOf = (byte: number) => byte.toString(16).padStart(2, "0");
const bytewise = (write: (byte: number) => string) => (bytes: Buffer) =>
  Buffer.from(Array.from(bytes, write).join(""));
const text = (write: (bytes: Buffer) => string) => (bytes: Buffer) => Buffer.from(write(bytes));

/** Each takes any bytes. */
const ENCODERS = {
  base64: text((bytes) => bytes.toString("base64")),
  base64url: text((bytes) => bytes.toString("base64url")),
  "base64 behind one byte": text((bytes) => Buffer.concat([Buffer.from("{"), bytes]).toString("base64")),
  "base64 behind two bytes": text((bytes) => Buffer.concat([Buffer.from("{ "), bytes]).toString("base64")),
  "base64 in lines": text((bytes) => bytes.toString("base64").replaceAll(/.{76}/g, "$&\r\n")),
  hex: text((bytes) => bytes.toString("hex")),
  "hex in capitals": text((bytes) => bytes.toString("hex").toUpperCase()),
  "hex in pairs": text((bytes) => Array.from(bytes, hexOf).join(" ")),
  url: bytewise((byte) => `%${hexOf(byte)}`),
  "url where it must": bytewise((byte) =>
    /[A-Za-z0-9_.~-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${hexOf(byte).toUpperCase()}`,
  ),
  "escaped bytes": bytewise((byte) => `\\x${hexOf(byte)}`),
  gzip: (bytes: Buffer) => gzipSync(bytes),
  deflate: (bytes: Buffer) => deflateSync(bytes),
};
/** These take what is text already. */
const OF_TEXT = {
  json: text((bytes) => JSON.stringify({ a: `"${bytes.toString("latin1")}"` })),
  unicode: bytewise((byte) => `\\u00${hexOf(byte)}`),
  html: bytewise((byte) => `&#${byte};`),
};
const isText = (bytes: Buffer) => bytes.every((byte) => byte < 0x80 && byte > 0x08);
const names = [...Object.keys(ENCODERS), ...Object.keys(OF_TEXT)] as const;

/** What escapes characters takes text alone. */
function written(value: string, by: readonly string[], around: string): Buffer {
  let bytes: Buffer = Buffer.from(`${around}${value}${around}`);
  for (const name of by) {
    const encode = { ...ENCODERS, ...(isText(bytes) ? OF_TEXT : {}) }[name] ?? ENCODERS.base64;
    bytes = encode(bytes);
  }
  return bytes;
}

/** The longest written form that is sure to be found whatever the cut. */
const RUN_BYTES_MAX = 64 * 1024;
const BLANKS_BYTES_MAX = 4 * 1024;
const nested = record({
  fake: constantFrom(...planted),
  by: array(constantFrom(...names), { maxLength: 4 }),
  around: constantFrom("", "a", "ab", "the value is ", '{"k":"'),
});

test("a fake is found in any four encodings, one in the other", () => {
  assert(
    property(nested, ({ fake, by, around }) => {
      const bytes = written(fake.value, by, around);
      if (bytes.length > 1_000_000) return;
      const { sightings, isWhole } = finder.inspect(bytes);
      expect(isWhole).toBe(true);
      expect(new Set(sightings.map(({ fakeId }) => fakeId))).toEqual(new Set([fake.id]));
    }),
    { numRuns: 400 },
  );
});

test("and it is found in whatever chunks it comes", () => {
  assert(
    property(nested, array(nat(), { maxLength: 12 }), string(), ({ fake, by, around }, places, before) => {
      const bytes = written(fake.value, by, around);
      const hasBlanks = bytes.some((byte) => byte === 0x20 || byte === 0x22);
      if (bytes.length > (hasBlanks ? BLANKS_BYTES_MAX : RUN_BYTES_MAX)) return;
      const all = Buffer.concat([Buffer.from(`${before}|"`), bytes]);
      const cuts = [0, ...places.map((place) => place % all.length).sort((a, b) => a - b), all.length];
      const stream = searchStream(finder);
      const found = cuts.slice(1).flatMap((cut, i) => stream.push(all.subarray(cuts[i], cut)).sightings);
      expect(new Set(found.map(({ fakeId }) => fakeId))).toEqual(new Set([fake.id]));
    }),
    { numRuns: 200 },
  );
});

test("what holds none is never a hit, whatever it looks like", () => {
  const noise = [
    string({ unit: "binary", maxLength: 2_000 }).map((value) => Buffer.from(value)),
    uint8Array({ maxLength: 4_000 }).map((value) => Buffer.from(value)),
    nat(2_000).map((length) => randomBytes(length)),
  ] as const;
  for (const bytes of noise) {
    assert(
      property(bytes, array(constantFrom(...names), { maxLength: 2 }), (inner, by) => {
        expect(finder.search(written(inner.toString("latin1"), by, ""))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  }
});
