import { expect, test } from "vitest";
import { reversalOf } from "../../../src/probe/reversals.ts";
import { row } from "../sample.ts";

test.each([
  ["tool-plane:claude-code/WebFetch/fetch-internet", '"WebFetch" to permissions.deny'],
  ["tool-plane:claude-code/Agent(ops)>Write/write-home", '"Write" to permissions.deny'],
  ["tool-plane:claude-code/Bash+node/read-home", "permissions.allow"],
  ["tool-plane:claude-code/Bash+dangerouslyDisableSandbox/write-home", "allowUnsandboxedCommands"],
  ["tool-plane:claude-code/mcp__desk__read_note/read-home", '"mcp__desk__read_note" to permissions.deny'],
  ["tool-plane:codex/mcp__desk.write_note/write-outside", '"write_note" to disabled_tools of [mcp_servers.desk]'],
  ["tool-plane:codex/(mcp-server)/write-outside", "MCP servers in a sandbox"],
  ["tool-plane:gemini-cli/invoke_agent>web_fetch/fetch-internet", '"web_fetch" to tools.exclude'],
  ["tool-rule:claude-code/Read/Read(~/.ssh/**)", '"Read" to permissions.deny'],
  ["mcp-identity:codex/desk", "the server desk"],
  ["hook-identity:codex/any-hook", "the hook any-hook"],
  ["agent-sandbox:claude-code/walls", "failIfUnavailable"],
  ["agent-sandbox:codex/write-home", "writable_roots"],
  ["agent-sandbox:gemini-cli/walls", "tools"],
])("what closes %s is named in the vendor's own words, and flips that row", (id, words) => {
  const reversal = reversalOf(row(id, "reachable"));
  expect(reversal?.close).toContain(words);
  expect(reversal?.flips).toBe(id);
});
