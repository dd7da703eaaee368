import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { array, assert, constantFrom, dictionary, jsonValue, oneof, property, string, uuid } from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeMaker } from "../../src/canaries/fakes.ts";
import { tokensIn } from "../../src/canaries/tokenFinder.ts";
import { TOKENS } from "../../src/canaries/tokens.ts";

/** Fakes have the form of what they stand for, checksum included, so that none has to be written down here. */
const maker = fakeMaker({
  masterKey: Buffer.alloc(32, 7),
  cycle: "c",
  clock: { now: () => new Date("2026-11-21T04:28:39Z"), monotonicMs: () => 0 },
});
const nowMs = Date.parse("2026-11-21T05:00:00Z");
const made = (kind: string, original = "") =>
  maker.fakeFor(original, kind, { cycle: "c", file: `home/${kind}` }).value;
const found = (text: string | Buffer) => tokensIn(Buffer.from(text), nowMs).map(({ kind }) => kind);
/** The same in every run. */
const chars = (alphabet: string, length: number) =>
  Array.from(
    createHash("shake256", { outputLength: length }).update(alphabet).digest(),
    (byte) => alphabet[byte % alphabet.length],
  ).join("");
const HEX = "0123456789abcdef";
const mixed = (length: number) => chars("aZ3bY4cX5dW6eV7fU8gT9hS", length);
const hex = (length: number) => chars(HEX, length);

const pem = (type: "pkcs8" | "sec1") =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type, format: "pem" }).toString();
const JWT_LASTING = { sub: "somebody", iat: 1_700_000_000, exp: 4_000_000_000 };
const jwtOf = (payload: object, alg = "RS256") =>
  [{ alg, typ: "JWT" }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");

const SAMPLES: Record<string, () => string> = {
  "github-token": () => made("github-token"),
  "github-fine-grained-token": () => made("github-fine-grained-token"),
  "npm-token": () => made("npm-token"),
  "cloudflare-token": () => made("cloudflare-token"),
  "grafana-token": () => made("grafana-token"),
  "gitlab-token": () => ["glpat", mixed(20)].join("-"),
  "slack-token": () => made("slack-token"),
  "slack-app-token": () => made("slack-app-token"),
  "slack-webhook": () => `https://hooks.slack.com/services/${made("slack-webhook")}`,
  "stripe-key": () => made("stripe-key"),
  "anthropic-key": () => made("anthropic-key"),
  "openai-project-key": () => made("openai-project-key"),
  "google-api-key": () => made("google-api-key"),
  "huggingface-token": () => made("huggingface-token"),
  "sendgrid-key": () => made("sendgrid-key"),
  "aws-access-key-id": () => made("aws-access-key-id"),
  "aws-session-token": () => made("aws-session-token"),
  "pypi-token": () => made("pypi-token"),
  "groq-key": () => made("service-token"),
  "digitalocean-token": () => ["dop", "v1", hex(64)].join("_"),
  "vault-token": () => ["hvs", mixed(95)].join("."),
  "linear-key": () => ["lin", "api", mixed(40)].join("_"),
  "notion-token": () => ["ntn", `36290518472${mixed(35)}`].join("_"),
  "shopify-token": () => ["shpat", hex(32)].join("_"),
  "docker-token": () => ["dckr", "pat", mixed(27)].join("_"),
  jwt: () => `${jwtOf(JWT_LASTING)}.${mixed(43)}`,
  "private-key": () => pem("pkcs8"),
};

test("there is a sample of each kind", () => {
  expect(Object.keys(SAMPLES).toSorted()).toEqual(TOKENS.map(({ kind }) => kind).toSorted());
});

describe.each(Object.entries(SAMPLES))("a %s", (kind, sample) => {
  test.each<[string, (value: string) => string]>([
    ["alone", (value) => value],
    ["in a sentence", (value) => `take ${value} and go`],
    ["at the end of a path", (value) => `a-rather-long-directory/${value}`],
    ["in JSON", (value) => JSON.stringify({ a: [{ token: value }] })],
    ["in JSON in JSON", (value) => JSON.stringify({ a: JSON.stringify({ token: value }) })],
    ["in a form", (value) => new URLSearchParams({ a: "1", token: value }).toString()],
    [
      "with every character escaped",
      (value) => Array.from(Buffer.from(value), (b) => `%${b.toString(16).padStart(2, "0")}`).join(""),
    ],
  ])("is told %s", (_, written) => {
    expect(found(written(sample()))).toEqual([kind]);
  });

  test("is not told in the middle of a word, or cut off", () => {
    const value = sample();
    expect(found(`x${value}`.replace(/^xhttps:\/\//, "x"))).toEqual([]);
    expect(found(value.slice(0, 18))).toEqual([]);
  });
});

test("a wrong checksum, a date that is over, a frame with nothing in it: none of them is a credential", () => {
  for (const kind of ["github-token", "npm-token", "cloudflare-token", "grafana-token"] as const) {
    const value = SAMPLES[kind]?.() ?? "";
    const wrong = value.slice(0, -1) + (value.endsWith("0") ? "1" : "0");
    expect(found(wrong), kind).toEqual([]);
  }
  for (const payload of [
    { ...JWT_LASTING, exp: nowMs / 1_000 - 1 },
    { sub: "1", iat: 1 },
  ])
    expect(found(`${jwtOf(payload)}.${mixed(43)}`)).toEqual([]);
  expect(found(`${jwtOf(JWT_LASTING, "none")}.${mixed(43)}`)).toEqual([]);
  const frame = (body: string) => ["-----BEGIN PRIVATE", `KEY-----\n${body}\n-----END PRIVATE KEY-----`].join(" ");
  for (const body of ["...", "A".repeat(64), mixed(64), ""]) expect(found(frame(body)), body).toEqual([]);
  expect(found(pem("sec1"))).toEqual(["private-key"]);
});

test.each([
  ["x in place of it", ["ghp", "x".repeat(36)].join("_")],
  ["the alphabet", ["sk_live", "abcdefghijklmnopqrstuvwxyz"].join("_")],
  ["a word", ["AKIA", "IOSFODNN7EXAMPLE"].join("")],
  ["its name", ["glpat", "your-token-goes-here"].join("-")],
  ["a pattern", "/^gh[pousr]_[0-9A-Za-z]{36}$/ and AIza[0-9A-Za-z_-]{35}"],
])("what stands in a manual is none: %s", (_, text) => {
  expect(found(text)).toEqual([]);
});

describe("no credential is seen", () => {
  const code = constantFrom(
    "const token = process.env.GITHUB_TOKEN; // ghp_...",
    "if (key.startsWith('sk-ant-api03-')) return mask(key);",
    "export AWS_ACCESS_KEY_ID=AKIA${RANDOM}",
    "hf_hub_download(repo_id='a/b', filename='model.safetensors')",
    "npm_config_user_agent=npm/11.0.0 node/v24.21.0 linux x64",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    'import { SG } from "./SG.helpers.and.more.than.that.to.see.whether.it.fires";',
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.sig",
  );
  const image = constantFrom(30, 3_000, 30_000).map(
    (bytes) => `data:image/png;base64,${randomBytes(bytes).toString("base64")}`,
  );
  const id = oneof(
    uuid(),
    string({ unit: constantFrom(...HEX.split("")), minLength: 32, maxLength: 64 }),
    constantFrom(...Array.from({ length: 20 }, () => randomBytes(24).toString("base64url"))),
  );
  const body = oneof(
    jsonValue(),
    dictionary(string(), oneof(id, code, image, jsonValue())),
    array(oneof(id, code, image)),
  ).map((value) => JSON.stringify(value));

  test("in what an API is sent: JSON, prompts with code, identifiers, images", () => {
    assert(
      property(body, (text) => {
        expect(found(text)).toEqual([]);
        expect(found(new URLSearchParams({ q: text }).toString())).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test("in random bytes, in random base64 and in what is compressed", () => {
    expect(found(randomBytes(500_000))).toEqual([]);
    expect(found(randomBytes(500_000).toString("base64"))).toEqual([]);
    expect(found(randomBytes(500_000).toString("base64url"))).toEqual([]);
    expect(found(gzipSync(made("github-token")))).toEqual([]);
  });
});
