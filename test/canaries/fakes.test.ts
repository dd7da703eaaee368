import { createPrivateKey, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { fakeMaker } from "../../src/canaries/fakes.ts";
import { KINDS, kindOf } from "../../src/canaries/kinds/all.ts";

const clock = { now: () => new Date("2026-11-21T04:28:39Z"), monotonicMs: () => 0 };
const cycle = "c20261121-042839-9f3a1c";
const place = { cycle, file: "home/.env" };
const maker = (masterKey: Uint8Array = randomBytes(32), name = cycle) => fakeMaker({ masterKey, cycle: name, clock });

test.each(KINDS.map((kind) => [kind.name, kind] as const))("a fake %s has the form of its kind", (_name, kind) => {
  const fakes = maker();
  const values = Array.from({ length: 20 }, (_, i) => fakes.fakeFor("", kind.name, { cycle, file: `f${i}` }).value);
  for (const value of values) {
    expect(value).toMatch(kind.form);
    expect(value).not.toMatch(/example/i);
    expect(value).not.toBe(kind.shape);
  }
  expect(new Set(values).size).toBe(20);
});

test("every kind has its own name and its own code, which fits the block", () => {
  expect(new Set(KINDS.map((kind) => kind.name)).size).toBe(KINDS.length);
  expect(new Set(KINDS.map((kind) => kind.code)).size).toBe(KINDS.length);
  for (const kind of KINDS) {
    expect(kind.shape).toMatch(kind.form);
    expect(kindOf(kind.shape, kind.name).name).toBe(kind.name);
    expect(kind.code).toBeGreaterThan(0);
    expect(kind.code).toBeLessThan(256);
  }
});

test("GitHub's and npm's checksum is right: CRC32 of the body in base62", () => {
  const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (const kind of ["github-token", "npm-token"]) {
    const value = maker().fakeFor("", kind, place).value.slice(4);
    const sum = value
      .slice(30)
      .split("")
      .reduce((n, c) => n * 62 + alphabet.indexOf(c), 0);
    expect(sum).toBe(crc32(value.slice(0, 30)));
  }
});

test("an AWS key id names the installation's one account, and another installation another", () => {
  const account = (id: string) => {
    const bits = id
      .slice(4)
      .split("")
      .reduce((n, c) => n * 32n + BigInt("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c)), 0n);
    return (bits >> 39n) & (2n ** 40n - 1n);
  };
  const key = randomBytes(32);
  const ids = ["a", "b"].map((file) => maker(key).fakeFor("", "aws-access-key-id", { cycle, file }).value);
  const other = maker().fakeFor("", "aws-access-key-id", place).value;
  expect(account(ids[0] ?? "")).toBe(account(ids[1] ?? ""));
  expect(String(account(ids[0] ?? ""))).toMatch(/^\d{12}$/);
  expect(account(other)).not.toBe(account(ids[0] ?? ""));
});

test("the same original gets the same fake at every place, another original another", () => {
  const fakes = maker();
  const one = fakes.fakeFor("hunter-2-hunter", "password", place);
  expect(fakes.fakeFor("hunter-2-hunter", "token", { cycle, file: "home/.netrc" })).toBe(one);
  expect(fakes.fakeFor("hunter-3-hunter", "password", place).value).not.toBe(one.value);
  expect(fakes.all()).toHaveLength(2);
});

test("a value without a known form keeps its length, its classes and its punctuation", () => {
  const original = "Tr0ub4dor&3 (ünd)!";
  const value = maker().fakeFor(original, "password", place).value;
  expect(value).toMatch(/^[A-Z][a-z]\d[a-z]{2}\d[a-z]{3}&\d \([a-z]{3}\)!$/);
  expect(value).not.toBe(original);
});

test.each(["0", "true", "!!!", "7777", "a"])("a value as short as %s never stays as it is", (original) => {
  const fake = maker().fakeFor(original, "password", place);
  expect(fake.value).not.toBe(original);
});

test("a thousand PINs of one digit are a thousand fakes: the length gives way before two are one", () => {
  const fakes = maker();
  const values = Array.from({ length: 1000 }, (_, i) => fakes.fakeFor(String(i), "password", place).value);
  expect(new Set(values).size).toBe(1000);
});

test("two installations, and two cycles of one, make different fakes of one value", () => {
  const key = randomBytes(32);
  const values = [maker(key), maker(key, "c20261121-042840-9f3a1d"), maker()].map(
    (fakes) => fakes.fakeFor("hunter-2-hunter", "password", place).value,
  );
  expect(new Set(values).size).toBe(3);
  expect(maker(key).fakeFor("hunter-2-hunter", "password", place).value).toBe(values[0]);
});

test("a private key is replaced by one of the same type that a parser takes, with its line ends", () => {
  const frame = (label: string, length: number, newline: string) =>
    [`-----BEGIN ${label}-----`, "A".repeat(64), "B".repeat(length), `-----END ${label}-----`, ""].join(newline);
  for (const [label, length] of [
    ["RSA PRIVATE KEY", 1500],
    ["EC PRIVATE KEY", 90],
    ["PRIVATE KEY", 20],
  ] as const) {
    const value = maker().fakeFor(frame(label, length, "\r\n"), "token", place).value;
    expect(value.startsWith(`-----BEGIN ${label}-----\r\n`)).toBe(true);
    expect(createPrivateKey(value).type).toBe("private");
  }
  const locked = frame("ENCRYPTED PRIVATE KEY", 40, "\n");
  expect(maker().fakeFor(locked, "token", place).value).toHaveLength(locked.length);
});
