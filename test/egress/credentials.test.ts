import { describe, expect, test } from "vitest";
import { type Carried, foreignCredential } from "../../src/egress/credentials.ts";

/** Made of parts, so that no scanner takes this file for one that holds a key. */
const TOKEN = ["ghp", "A".repeat(36)].join("_");
const OURS = "what-the-gateway-puts-in";
const known = { ours: new Set([OURS]), hashKey: Buffer.from("k") };

const nothing = { query: "", body: Buffer.alloc(0), tokens: [] };
const found = (headers: Record<string, string>, over: Partial<Carried> = {}) =>
  foreignCredential({ ...nothing, headers, ...over }, known);

describe("a credential from inside", () => {
  test.each([
    ["authorization", "Bearer x", "unknown"],
    ["authorization", `token ${TOKEN}`, "github-token"],
    ["cookie", "session=1", "unknown"],
    ["x-api-key", "placeholder", "unknown"],
    ["x-goog-api-key", "y", "unknown"],
    ["private-token", "y", "unknown"],
    ["x-amz-security-token", "y", "unknown"],
    ["x-anything", TOKEN, "github-token"],
    ["authorization", `Bearer ${OURS}`, "ours"],
    ["x-anything", OURS, "ours"],
  ])("in %s is told by name or by form", (name, value, kind) => {
    expect(found({ accept: "*/*", [name]: value })).toMatchObject({ place: `header ${name}`, kind });
  });

  test("in the query is told by its form alone", () => {
    expect(found({}, { query: `q=x&key=${TOKEN}` })).toMatchObject({ place: "query key", kind: "github-token" });
    expect(found({}, { query: "q=x&key=not-a-known-form" })).toBeUndefined();
  });

  test.each(["path", "query", "body"] as const)("in the %s is told as the watch tells it", (place) => {
    const tokens = [{ place, kind: "npm-token", value: TOKEN }];
    expect(found({}, { tokens })).toEqual({
      place,
      kind: "npm-token",
      length: 40,
      hash: found({}, { tokens })?.hash,
    });
    expect(found({ cookie: "a=b" }, { tokens })).toMatchObject({ place: "header cookie" });
  });

  test("of ours is told wherever it stands, unless it is so short that it may stand there by chance", () => {
    expect(found({ ":path": `/x/${OURS}` })).toMatchObject({ place: "path", kind: "ours" });
    expect(found({}, { body: Buffer.from(`{"k":"${OURS}"}`) })).toMatchObject({ place: "body", kind: "ours" });
    const short = { ...known, ours: new Set(["short"]) };
    expect(foreignCredential({ ...nothing, headers: {}, body: Buffer.from("short") }, short)).toBeUndefined();
  });

  test.each([
    ["none", {}],
    ["an empty one", { authorization: "", "x-api-key": "  " }],
    ["a scheme and nothing", { authorization: "Bearer " }],
    ["one for the proxy", { "proxy-authorization": "Basic x" }],
    [
      "what every client says",
      {
        ":path": `/${"a".repeat(40)}`,
        accept: "application/json",
        "user-agent": "curl/8",
        "idempotency-key": "0a1b2c3d-0a1b-4c3d-8a1b-0a1b2c3d4e5f",
        "x-request-id": "a".repeat(32),
        etag: `"${"b".repeat(40)}"`,
      },
    ],
  ])("is not seen where there is %s", (_, headers) => {
    expect(found(headers)).toBeUndefined();
  });

  test("is known again by its hash, and its value is nowhere", () => {
    const one = found({ authorization: `Bearer ${TOKEN}` });
    expect(found({ "x-other": TOKEN })?.hash).toBe(one?.hash);
    expect(found({ authorization: "Bearer other" })?.hash).not.toBe(one?.hash);
    const otherKey = { ...known, hashKey: Buffer.from("l") };
    expect(foreignCredential({ ...nothing, headers: { cookie: TOKEN } }, otherKey)?.hash).not.toBe(one?.hash);
    expect(one?.length).toBe(TOKEN.length);
    expect(JSON.stringify(one)).not.toContain(TOKEN);
  });
});
