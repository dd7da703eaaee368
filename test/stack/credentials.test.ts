import { describe, expect, test } from "vitest";
import { isCredentialName, isReference, maskArgs, maskUrl } from "../../src/stack/credentials.ts";

test.each([
  "GITHUB_TOKEN",
  "apiKey",
  "X-Api-Key",
  "Authorization",
  "--db-password",
  "AWS_SECRET_ACCESS_KEY",
  "clientSecret",
])("%s names a credential", (name) => expect(isCredentialName(name)).toBe(true));

test.each(["PUBLIC_KEY", "KEYBOARD", "TOKENIZER", "REGION", "monkey", "API_KEY_FILE", "TOKENS_MAX", ""])(
  "%s names none",
  (name) => expect(isCredentialName(name)).toBe(false),
);

test.each([
  "${TOKEN}",
  "$TOKEN",
  "Bearer ${env:TOKEN}",
  "${input:key}",
  "op://vault/item/field",
  "!pass show x",
  " ",
])("%s only refers to a credential", (value) => expect(isReference(value)).toBe(true));

test.each(["abc", "Bearer abc", "pre${TOKEN}", "$"])("%s is a literal", (value) =>
  expect(isReference(value)).toBe(false),
);

describe("arguments are masked where a credential stands", () => {
  test.each([
    [
      ["--token", "abc"],
      ["--token", "…"],
    ],
    [
      ["--token", "--verbose"],
      ["--token", "--verbose"],
    ],
    [["--token=${T}"], ["--token=${T}"]],
    [
      ["-e", "API_KEY=abc", "img"],
      ["-e", "API_KEY=…", "img"],
    ],
    [
      ["--port", "80"],
      ["--port", "80"],
    ],
    [["postgres://u:p@db.example/x"], ["postgres://u:…@db.example/x"]],
    [["@scope/pkg@1.2.3"], ["@scope/pkg@1.2.3"]],
  ])("%j", (args, shown) => expect(maskArgs(args).args).toEqual(shown));
});

test("a URL keeps what is no credential", () => {
  expect(maskUrl("https://mcp.example/a?page=1&access_token=abc#x")).toBe(
    "https://mcp.example/a?page=1&access_token=…#x",
  );
  expect(maskUrl("https://user@mcp.example/")).toBe("https://user@mcp.example/");
});
