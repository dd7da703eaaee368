import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { ToolPlane } from "../../../src/probe/tools/tools.ts";
import { type ToolBed, toolBed } from "../../support/toolBed.ts";

/**
 * Each vendor's own command line in a real sandbox, with a real server of the stack that reads and writes what it is told to. What
 * is claimed of an agent here holds for the version that the tests bring.
 */
const DESK = readFileSync(join(import.meta.dirname, "../../support/deskServer.mjs"), "utf8");
const desk = { command: "node", args: ["/workspace/desk.mjs"] };
const servers = [{ name: "desk", argv: ["node", "/workspace/desk.mjs"] }];

vi.setConfig({ testTimeout: 450_000, hookTimeout: 450_000 });
let bed: ToolBed;
beforeAll(async () => {
  bed = await toolBed();
});
afterAll(() => bed[Symbol.dispose]());

describe("Claude Code with a server whose tools are allowed", () => {
  let plane: ToolPlane;
  beforeAll(async () => {
    const settings = {
      permissions: { allow: ["mcp__desk__read_note", "Bash(cat:*)"], deny: ["Read(~/.vault/**)"] },
      enabledMcpjsonServers: ["desk"],
      hooks: { PreToolUse: [{ matcher: "Read", hooks: [{ type: "command", command: "sleep 1 # of the stack" }] }] },
    };
    plane = await bed.measure("claude-code", {
      files: {
        "home/.claude/settings.json": JSON.stringify(settings),
        "home/.claude.json": JSON.stringify({ mcpServers: { desk } }),
        "workspace/desk.mjs": DESK,
      },
      servers,
      hooks: [{ name: "PreToolUse-1", command: "sleep 1 # of the stack" }],
      denied: { "Read(~/.vault/**)": "home/.vault/key" },
    });
  });

  test("the server's reader goes where shell and rule do not let the agent's own tools", () => {
    expect(verdicts(plane)).toMatchObject({
      "tool-path:claude-code/mcp__desk__read_note/read-home": "reachable",
      "tool-plane:claude-code/mcp__desk__read_note/read-home": "reachable",
      "tool-rule:claude-code/mcp__desk__read_note/Read(~/.vault/**)": "reachable",
      "tool-rule:claude-code/Read/Read(~/.vault/**)": "denied",
    });
  });

  test("its writer, which nobody allowed, waits for a person and writes nothing", () => {
    expect(verdicts(plane)).toMatchObject({
      "tool-path:claude-code/mcp__desk__write_note/write-outside": "denied",
      "approval-gate:claude-code/mcp__desk__write_note": "denied",
    });
  });

  test("a tool that no canary fits is named", () => {
    expect(verdicts(plane)).toHaveProperty("tool-path:claude-code/mcp__desk__close_ticket", "not-measured");
  });

  test("the host sees the stack's own server and hook, and where they stand", () => {
    expect(verdicts(plane)).toMatchObject({
      "mcp-identity:claude-code/desk": "absent",
      "hook-identity:claude-code/PreToolUse-1": "absent",
    });
  });
});

describe("Codex with a sandbox of its own around its shell", () => {
  let plane: ToolPlane;
  beforeAll(async () => {
    plane = await bed.measure("codex", {
      isOpen: true,
      hasInternet: true,
      ownSandbox: {
        declaredAt: "home/.codex/config.toml",
        mode: "workspace-write",
        closes: ["write-home", "write-outside", "fetch-internet"],
      },
      files: {
        "home/.codex/config.toml": `sandbox_mode = "workspace-write"\n[mcp_servers.desk]\ncommand = "node"\nargs = ["/workspace/desk.mjs"]\ndefault_tools_approval_mode = "approve"\n`,
        "workspace/desk.mjs": DESK,
      },
      servers,
    });
  });

  test("the shell may not write outside of the workspace, and the server's writer may", () => {
    expect(verdicts(plane)).toMatchObject({
      "tool-path:codex/exec_command/write-workspace": "reachable",
      "tool-path:codex/exec_command/write-outside": "denied",
      "tool-path:codex/apply_patch/write-workspace": "reachable",
      "tool-path:codex/apply_patch/write-outside": "denied",
      "tool-plane:codex/(mcp-server)/write-outside": "reachable",
      "tool-plane:codex/(hook)/write-outside": "reachable",
    });
    const wider = plane.observations.filter(({ id }) => /^tool-plane:codex\/.*write_note\/write-outside$/.test(id));
    // By the agent itself, and by a sub-agent of it.
    expect(wider.map(({ verdict }) => verdict)).toEqual(["reachable", "reachable"]);
  });

  test("what its sandbox closes is closed to the shell and to a sub-agent's, and open to what stands outside of it", () => {
    expect(verdicts(plane)).toMatchObject({
      "agent-sandbox:codex/walls": "absent",
      "agent-sandbox:codex/write-home": "denied",
      "agent-sandbox:codex/fetch-internet": "denied",
      "tool-path:codex/multi_agent_v1.spawn_agent>exec_command/write-workspace": "reachable",
      "tool-path:codex/multi_agent_v1.spawn_agent>exec_command/write-outside": "denied",
      "tool-path:codex/multi_agent_v1.spawn_agent>exec_command/fetch-internet": "denied",
      "tool-plane:codex/(mcp-server)/fetch-internet": "reachable",
      "tool-path:codex/web_search": "not-measured",
    });
  });

  test("the host sees the server and the hook outside of the walls around the shell's commands", () => {
    const rows = plane.observations.filter(({ id }) => /^(mcp|hook)-identity:/.test(id));
    expect(rows.map(({ id, verdict }) => `${verdict} ${id}`).toSorted()).toEqual([
      "reachable hook-identity:codex/any-hook",
      "reachable mcp-identity:codex/any-server",
      "reachable mcp-identity:codex/desk",
    ]);
    expect(rows[0]?.detail).toContain("mnt namespace");
  });
});

test("where Codex cannot make its sandbox, its shell does nothing, and no refusal of it counts as a wall", async () => {
  const plane = await bed.measure("codex", {
    files: { "home/.codex/config.toml": 'sandbox_mode = "workspace-write"\n' },
  });
  expect(verdicts(plane)).toMatchObject({
    "tool-path:codex/exec_command/read-workspace": "not-measured",
    "tool-path:codex/exec_command/write-outside": "not-measured",
    "tool-path:codex/(mcp-server)/write-outside": "reachable",
  });
  expect(plane.observations.filter(({ id }) => id.startsWith("tool-plane:"))).toEqual([]);
});

test("Gemini CLI in a folder that it was told to trust: its reader stays in the workspace, and what it allows itself is seen", async () => {
  const plane = await bed.measure("gemini-cli", {
    files: {
      "home/.gemini/trustedFolders.json": JSON.stringify({ "/workspace": "TRUST_FOLDER" }),
      "home/.gemini/settings.json": JSON.stringify({
        tools: { allowed: ["run_shell_command(cat)", "run_shell_command(timeout)"] },
        mcpServers: { desk: { ...desk, trust: true } },
      }),
      "workspace/desk.mjs": DESK,
    },
    servers,
  });
  expect(verdicts(plane)).toMatchObject({
    "tool-path:gemini-cli/read_file/read-workspace": "reachable",
    "tool-path:gemini-cli/read_file/read-home": "denied",
    "tool-path:gemini-cli/(mcp-server)/read-home": "reachable",
    "tool-path:gemini-cli/mcp_desk_read_note/read-home": "reachable",
    "tool-path:gemini-cli/run_shell_command/read-home": "reachable",
    "tool-path:gemini-cli/run_shell_command/write-workspace": "denied",
    "mcp-identity:gemini-cli/desk": "absent",
  });
});

test("Gemini CLI does not start in a folder that nobody trusts, and that is the reason given", async () => {
  const plane = await bed.measure("gemini-cli", { files: {} });
  expect(plane.observations).toEqual([]);
  expect(new Set(plane.checks.map(({ status }) => status))).toEqual(new Set(["failed"]));
  expect(plane.checks[0]?.reason).toContain("trust");
});

describe("Claude Code with a sandbox of its own around its shell", () => {
  const closes = ["write-home", "write-outside", "fetch-internet"];
  const ownSandbox = { declaredAt: "home/.claude/settings.json", mode: "sandbox.enabled", closes };
  const settings = JSON.stringify({ permissions: { allow: ["Bash"] }, sandbox: { enabled: true } });
  const measured = async (more: { isOpen: boolean; hasMakers: boolean }) => {
    const files = { "home/.claude/settings.json": settings };
    return verdicts(await bed.measure("claude-code", { hasInternet: true, ownSandbox, files, ...more }));
  };

  test("where it can start it is in force, and what the agent starts by itself stands outside of it", async () => {
    expect(await measured({ isOpen: true, hasMakers: true })).toMatchObject({
      "agent-sandbox:claude-code/walls": "absent",
      "agent-sandbox:claude-code/write-home": "denied",
      "agent-sandbox:claude-code/write-outside": "denied",
      "agent-sandbox:claude-code/fetch-internet": "denied",
      "tool-path:claude-code/Bash/write-workspace": "reachable",
      "tool-plane:claude-code/(hook)/write-outside": "reachable",
      "mcp-identity:claude-code/any-server": "reachable",
    });
  });

  test("where what it is made with is not installed, commands run without it and nobody says so", async () => {
    const rows = await measured({ isOpen: true, hasMakers: false });
    expect(rows).toMatchObject({
      "agent-sandbox:claude-code/walls": "reachable",
      "agent-sandbox:claude-code/write-home": "reachable",
      "agent-sandbox:claude-code/fetch-internet": "reachable",
    });
    expect(Object.keys(rows).filter((id) => id.startsWith("tool-plane:"))).toEqual([]);
  });

  test("where the kernel keeps it from starting, no command runs and nothing is said to hold", async () => {
    expect(await measured({ isOpen: false, hasMakers: true })).toMatchObject({
      "agent-sandbox:claude-code/walls": "not-measured",
      "agent-sandbox:claude-code/write-home": "not-measured",
      "tool-path:claude-code/Bash/read-workspace": "not-measured",
    });
  });
});

test("a server that is reached by a URL is driven through the agent, and read where it stands: outside of the sandbox", async () => {
  const url = "http://127.0.0.1:8931";
  const plane = await bed.measure("claude-code", {
    files: {
      "home/.claude/settings.json": JSON.stringify({ permissions: { allow: ["mcp__desk__read_note"] } }),
      "home/.claude.json": JSON.stringify({ mcpServers: { desk: { type: "http", url: `${url}/mcp` } } }),
    },
    remote: [{ name: "desk", at: url }],
    beside: (paths) => [
      process.execPath,
      join(import.meta.dirname, "../../support/deskServer.mjs"),
      "8931",
      JSON.stringify(paths),
    ],
  });
  expect(verdicts(plane)).toMatchObject({
    "tool-plane:claude-code/mcp__desk__read_note/read-home": "reachable",
    "tool-plane:claude-code/Agent>mcp__desk__read_note/read-home": "reachable",
    "approval-gate:claude-code/mcp__desk__write_note": "denied",
    "mcp-identity:claude-code/desk": "not-measured",
  });
});

describe("Gemini CLI that may fetch", () => {
  const trusted = { "home/.gemini/trustedFolders.json": JSON.stringify({ "/workspace": "TRUST_FOLDER" }) };
  const measured = async (settings: object, more: { driveMs?: number } = {}) =>
    bed.measure("gemini-cli", {
      hasInternet: true,
      files: { ...trusted, "home/.gemini/settings.json": JSON.stringify(settings) },
      ...more,
    });

  test("the name that it fetches leaves the sandbox, by itself and through a sub-agent, where its shell's does not", async () => {
    const allowed = ["web_fetch", "run_shell_command(cat)"];
    expect(verdicts(await measured({ tools: { allowed } }))).toMatchObject({
      "tool-path:gemini-cli/web_fetch/fetch-internet": "reachable",
      "tool-path:gemini-cli/invoke_agent>web_fetch/fetch-internet": "reachable",
      "tool-path:gemini-cli/invoke_agent>read_file/read-workspace": "reachable",
      "tool-path:gemini-cli/invoke_agent>read_file/read-home": "denied",
      "tool-path:gemini-cli/run_shell_command/fetch-internet": "denied",
      "tool-plane:gemini-cli/web_fetch/fetch-internet": "reachable",
      "tool-path:gemini-cli/google_web_search": "not-measured",
    });
  });

  test("where nobody allowed it, it is not offered, and nothing of a fetch is wider than the shell's", async () => {
    const rows = verdicts(await measured({ tools: { allowed: ["run_shell_command(cat)"] } }));
    expect(rows).not.toHaveProperty(["tool-path:gemini-cli/web_fetch/fetch-internet"]);
    expect(Object.keys(rows).filter((id) => /^tool-plane:.*fetch-internet$/.test(id))).toEqual([]);
  });

  test("a sandbox that it cannot make keeps it from starting, and that is the reason given", async () => {
    const { observations, checks } = await measured({ tools: { sandbox: "docker" } });
    expect(observations).toEqual([]);
    expect(checks[0]?.reason).toMatch(/sandbox/i);
  });

  test("a server that never answers costs that server's rows and no others", async () => {
    const mute = { command: "node", args: ["-e", "setInterval(() => {}, 1000)"] };
    const { observations, checks } = await measured({ mcpServers: { mute } }, { driveMs: 30_000 });
    expect(observations.map(({ id }) => id)).toContain("tool-path:gemini-cli/read_file/read-workspace");
    expect(checks[0]?.reason).toContain("they were left out");
  });
});

function verdicts({ observations }: ToolPlane): Record<string, string> {
  return Object.fromEntries(observations.map(({ id, verdict }) => [id, verdict]));
}
