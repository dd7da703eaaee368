import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "jsonc-parser";
import { afterEach, beforeEach, expect, test } from "vitest";
import { plantServer, removeServer } from "../../src/decoys/install.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wd-install-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const entry = { command: "/bin/server", args: ["a b", "c"] };

test.each([
  ["two spaces", '{\n  "mcpServers": {\n    "a": { "command": "x" }\n  }\n}\n'],
  ["tabs", '{\n\t"mcpServers": {\n\t\t"a": { "command": "x" }\n\t}\n}\n'],
  ["CRLF", '{\r\n  "mcpServers": {\r\n    "a": { "command": "x" }\r\n  }\r\n}\r\n'],
  ["a byte order mark", '\ufeff{\n  "mcpServers": {\n    "a": { "command": "x" }\n  }\n}\n'],
  [
    "comments and a trailing comma",
    '{\n  // servers\n  "mcpServers": {\n    "a": { "command": "x" }, // one\n  },\n}\n',
  ],
  ["compact", '{"mcpServers":{"a":{"command":"x"}}}'],
  ["no servers yet", '{\n  "mcpServers": {}\n}'],
  [
    "odd numbers and escapes",
    '{ "n": 1.0, "big": 12345678901234567890, "e": "\\u00e9",\n "mcpServers": {\n "a": {"command":"x"} } }',
  ],
])("a planted entry is read by a client and its removal restores every byte: %s", (_name, before) => {
  const file = join(directory, "mcp.json");
  writeFileSync(file, before);
  const splice = plantServer(file, "vault", entry);
  const read = parse(readFileSync(file, "utf8").replace(/^\ufeff/, ""), [], { allowTrailingComma: true });
  expect(read.mcpServers.vault).toEqual(entry);
  expect(removeServer(splice)).toEqual({ status: "restored" });
  expect(readFileSync(file, "utf8")).toBe(before);
});

test("a foreign edit elsewhere survives the removal, which says that the file is not what it was", () => {
  const file = join(directory, "mcp.json");
  writeFileSync(file, '{\n  "mcpServers": {\n    "a": { "command": "x" }\n  }\n}\n');
  const splice = plantServer(file, "vault", entry);
  writeFileSync(file, readFileSync(file, "utf8").replace('"x"', '"y"'));
  expect(removeServer(splice).status).toBe("changed-since");
  expect(readFileSync(file, "utf8")).toBe('{\n  "mcpServers": {\n    "a": { "command": "y" }\n  }\n}\n');
});

test("an entry that somebody changed is left for a person", () => {
  const file = join(directory, "mcp.json");
  writeFileSync(file, '{ "mcpServers": {} }');
  const splice = plantServer(file, "vault", entry);
  const changed = readFileSync(file, "utf8").replace("/bin/server", "/bin/other");
  writeFileSync(file, changed);
  expect(removeServer(splice).status).toBe("changed-since");
  expect(readFileSync(file, "utf8")).toBe(changed);
});

test.each([
  ["no mcpServers object", '{ "other": 1 }', "has no mcpServers object"],
  ["a server of that name", '{ "mcpServers": { "vault": {} } }', "lists a server vault already"],
])("nothing is written when there is %s", (_name, before, message) => {
  const file = join(directory, "mcp.json");
  writeFileSync(file, before);
  expect(() => plantServer(file, "vault", entry)).toThrow(message);
  expect(readFileSync(file, "utf8")).toBe(before);
});
