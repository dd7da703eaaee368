import { expect, test } from "vitest";
import { e2bSettings } from "../../src/config/e2b.ts";
import { readEnvironment } from "../../src/config/env.ts";
import { ConfigFile } from "../../src/config/schema.ts";
import { drivers } from "../../src/sandbox/all.ts";

const STACK = { name: "demo", home: "/home/dev", workspace: "/workspace" };
const read = (more: object) => ConfigFile.parse({ version: 1, stack: STACK, ...more });
const environment = readEnvironment({ E2B_API_KEY: "one", OTHER_KEY: " two " });

test("E2B is asked for by its name as target or by the lab's leave, and by nothing else", () => {
  expect(e2bSettings(read({}), environment)).toBeUndefined();
  expect(e2bSettings(read({ e2b: { template: "mine" }, lab: { minimum: "microvm" } }), environment)).toBeUndefined();
  expect(e2bSettings(read({ target: { driver: "e2b" } }), environment)).toMatchObject({
    apiKey: "one",
    template: "base",
  });
  expect(e2bSettings(read({ lab: { allowE2b: true } }), environment)).toMatchObject({ apiKey: "one" });
});

test("the key is read from the variable that is named, and one that is not set is no key", () => {
  const config = (keyEnv: string) => read({ target: { driver: "e2b" }, e2b: { keyEnv } });
  expect(e2bSettings(config("OTHER_KEY"), environment)).toMatchObject({ apiKey: "two", keyEnv: "OTHER_KEY" });
  expect(e2bSettings(config("NO_KEY"), environment)).toMatchObject({ apiKey: undefined, keyEnv: "NO_KEY" });
  expect(() => config("not-a-name")).toThrow(/NAME of an environment variable/);
});

test("a cluster's address is https, or http to this machine", () => {
  const config = (apiUrl: string) => read({ target: { driver: "e2b" }, e2b: { apiUrl } });
  expect(e2bSettings(config("https://api.e2b.example"), environment)).toMatchObject({
    apiUrl: "https://api.e2b.example",
  });
  expect(e2bSettings(config("http://127.0.0.1:3000"), environment)).toMatchObject({
    apiUrl: "http://127.0.0.1:3000",
  });
  for (const url of ["http://api.e2b.example", "https://user:word@api.e2b.example", "ftp://127.0.0.1"])
    expect(() => config(url)).toThrow(/a URL is https/);
});

test("without settings there is no driver for it", () => {
  const kinds = (e2b: Parameters<typeof drivers>[0]["e2b"]) =>
    drivers({ runDirectory: "/nonexistent", e2b }).map(({ kind }) => kind);
  expect(kinds(undefined)).not.toContain("e2b");
  expect(kinds({ apiKey: undefined, keyEnv: "E2B_API_KEY", template: "base" })).toContain("e2b");
});
