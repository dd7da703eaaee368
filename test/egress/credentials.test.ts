import { describe, expect, test } from "vitest";
import { foreignCredential } from "../../src/egress/credentials.ts";

/** Made of parts, so that no scanner takes this file for one that holds a key. */
const TOKEN = ["ghp", "A".repeat(36)].join("_");
const OURS = "what-the-gateway-puts-in";
const known = { ours: new Set([OURS]), hashKey: Buffer.from("k") };

const found = (headers: Record<string, string>, query = "") => foreignCredential(headers, query, known);

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
    expect(found({}, `q=x&key=${TOKEN}`)).toMatchObject({ place: "query key", kind: "github-token" });
    expect(found({}, "q=x&key=not-a-known-form")).toBeUndefined();
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
    expect(foreignCredential({ cookie: TOKEN }, "", { ...known, hashKey: Buffer.from("l") })?.hash).not.toBe(
      one?.hash,
    );
    expect(JSON.stringify(one)).not.toContain(TOKEN);
  });
});
