import { execFileSync } from "node:child_process";
import { symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { discover } from "../../src/stack/discover.ts";
import { put, tree } from "../support/tree.ts";

const stdio = { command: "node", args: ["server.mjs"] };

test("an empty home and workspace hold nothing, and nothing is wrong with that", async () => {
  await using place = tree();
  expect(await discover(place)).toEqual({
    agents: [],
    mcpServers: [],
    instructionFiles: [],
    hooks: [],
    containers: [],
    problems: [],
  });
});

test("the servers of every agent are found where that agent keeps them", async () => {
  await using place = tree({
    "home/.claude.json": { mcpServers: { a: stdio }, projects: { "/elsewhere": { mcpServers: { other: stdio } } } },
    "workspace/.mcp.json": { mcpServers: { b: { type: "http", url: "https://mcp.example/v1" } } },
    "home/.claude/plugins/cache/p/.mcp.json": { flat: stdio },
    "home/.codex/config.toml": '[mcp_servers.c]\ncommand = "node"\nargs = ["x.mjs"]\nenv_vars = ["A"]\n',
    "home/.codex/work.config.toml": 'mcp_servers = { d = { command = "node" } }\n',
    "home/.gemini/settings.json": { mcpServers: { e: { httpUrl: "https://mcp.example/e", trust: true } } },
    "home/.cursor/mcp.json": { mcpServers: { f: { url: "https://mcp.example/f" } } },
    "workspace/.vscode/mcp.json": '// comment\n{ "servers": { "g": { "command": "node", }, }, }',
    "home/.config/Code/User/settings.json": { mcp: { servers: { h: stdio } } },
  });
  const found = await discover(place);
  expect(found.mcpServers.map((s) => `${s.agent}/${s.name} ${s.transport} ${s.file}#${s.place}`)).toEqual([
    "claude-code/a stdio home/.claude.json#/mcpServers/a",
    "claude-code/b http workspace/.mcp.json#/mcpServers/b",
    "claude-code/flat stdio home/.claude/plugins/cache/p/.mcp.json#/flat",
    "codex/c stdio home/.codex/config.toml#/mcp_servers/c",
    "codex/d stdio home/.codex/work.config.toml#/mcp_servers/d",
    "gemini-cli/e http home/.gemini/settings.json#/mcpServers/e",
    "cursor/f http home/.cursor/mcp.json#/mcpServers/f",
    "vscode/g stdio workspace/.vscode/mcp.json#/servers/g",
    "vscode/h stdio home/.config/Code/User/settings.json#/mcp/servers/h",
  ]);
  expect(found.agents.map((a) => a.kind)).toEqual(["claude-code", "codex", "gemini-cli", "cursor", "vscode"]);
  expect(found.mcpServers.find((s) => s.name === "e")?.isTrusted).toBe(true);
  expect(found.problems).toEqual([]);
});

test("a server that Claude Code keeps for one project belongs to that workspace alone, also by an older name", async () => {
  await using place = tree();
  put(place.directory, "home/.claude.json", {
    projects: { [place.workspace]: { mcpServers: { here: stdio } }, "/original": { mcpServers: { before: stdio } } },
  });
  expect((await discover(place)).mcpServers.map((s) => s.name)).toEqual(["here"]);
  const clone = await discover(place, { workspaceNames: ["/original"] });
  expect(clone.mcpServers.map((s) => s.name)).toEqual(["here", "before"]);
});

test("no value of an environment variable, header, argument or URL is kept, only where a literal stands", async () => {
  const secret = ["made", "up", "value"].join("-");
  await using place = tree({
    "workspace/.mcp.json": {
      mcpServers: {
        a: {
          command: "srv",
          args: ["--token", secret, `--api-key=${secret}`, "-e", `DB_PASSWORD=${secret}`, "--port", "1"],
          env: { API_TOKEN: secret, REGION: secret, REF_TOKEN: "${TOKEN}" },
        },
        b: {
          url: `https://u:${secret}@mcp.example/x?api_key=${secret}&page=2`,
          headers: { Authorization: `Bearer ${secret}`, "X-Trace": secret },
        },
      },
    },
  });
  const found = await discover(place);
  expect(JSON.stringify(found)).not.toContain(secret);
  expect(found.mcpServers[0]).toMatchObject({
    args: ["--token", "…", "--api-key=…", "-e", "DB_PASSWORD=…", "--port", "1"],
    envNames: ["API_TOKEN", "REGION", "REF_TOKEN"],
  });
  expect(found.mcpServers.flatMap((s) => s.literals.map((l) => l.place))).toEqual([
    "/mcpServers/a/args/1",
    "/mcpServers/a/args/2",
    "/mcpServers/a/args/4",
    "/mcpServers/a/env/API_TOKEN",
    "/mcpServers/b/headers/Authorization",
    "/mcpServers/b/url",
  ]);
  expect(found.mcpServers[1]?.url).toBe("https://u:…@mcp.example/x?api_key=…&page=2");
});

test("what steers an agent is found once each: instructions at any depth, rules, skills, commands, hooks", async () => {
  const hooks = { PreToolUse: [{ matcher: "Bash", hooks: [{ type: "command", command: "node check.mjs" }] }] };
  await using place = tree({
    "home/.claude/CLAUDE.md": "a",
    "home/.claude/settings.json": { hooks },
    "home/.claude/skills/release/SKILL.md": "a",
    "home/.codex/AGENTS.md": "a",
    "workspace/CLAUDE.md": "a",
    "workspace/deep/er/AGENTS.md": "a",
    "workspace/node_modules/x/AGENTS.md": "not ours",
    "workspace/.cursor/rules/style.mdc": "a",
    "workspace/.cursor/hooks.json": { hooks: { stop: [{ command: "./s.sh" }] } },
    "workspace/.claude/commands/fix.md": "a",
    "workspace/.claude/agents/reviewer.md": "a",
    "home/.codex/config.toml": 'notify = ["notify-send", "done"]\n',
  });
  const found = await discover(place);
  expect(found.instructionFiles.map((i) => `${i.kind} ${i.file}`)).toEqual([
    "instructions home/.claude/CLAUDE.md",
    "skill home/.claude/skills/release/SKILL.md",
    "instructions home/.codex/AGENTS.md",
    "sub-agent workspace/.claude/agents/reviewer.md",
    "command workspace/.claude/commands/fix.md",
    "rule workspace/.cursor/rules/style.mdc",
    "instructions workspace/CLAUDE.md",
    "instructions workspace/deep/er/AGENTS.md",
  ]);
  expect(found.hooks.map((h) => `${h.agent} ${h.event} ${h.place} ${h.command}`)).toEqual([
    "claude-code PreToolUse /hooks/PreToolUse/0/hooks/0/command node check.mjs",
    "codex notify /notify notify-send done",
    "cursor stop /hooks/stop/0/command ./s.sh",
  ]);
});

test("the ways to declare a sandbox are found", async () => {
  await using place = tree({
    "workspace/.devcontainer/devcontainer.json": {},
    "workspace/.devcontainer/api/devcontainer.json": {},
    "workspace/.devcontainer/Dockerfile": "FROM scratch",
    "workspace/compose.yaml": "services: {}",
    "workspace/docker-compose.dev.yml": "services: {}",
    "workspace/app.dockerfile": "FROM scratch",
    "workspace/compose.md": "no",
  });
  expect((await discover(place)).containers.map((c) => `${c.kind} ${c.file}`)).toEqual([
    "dockerfile workspace/.devcontainer/Dockerfile",
    "devcontainer workspace/.devcontainer/api/devcontainer.json",
    "devcontainer workspace/.devcontainer/devcontainer.json",
    "dockerfile workspace/app.dockerfile",
    "compose workspace/compose.yaml",
    "compose workspace/docker-compose.dev.yml",
  ]);
});

test("a file with a syntax error is a row with its line, and the others are still read", async () => {
  await using place = tree({
    "home/.claude.json": '{\n  "mcpServers": {\n    "a": oops\n  }\n}',
    "home/.codex/config.toml": 'model = "x"\n[mcp_servers.a\n',
    "workspace/.mcp.json": { mcpServers: { b: stdio, c: "no entry", d: null } },
  });
  const found = await discover(place);
  expect(found.mcpServers.map((s) => s.name)).toEqual(["b"]);
  expect(found.problems.map((p) => `${p.file}:${p.line}`)).toEqual([
    "home/.claude.json:3",
    "workspace/.mcp.json:null",
    "workspace/.mcp.json:null",
    "home/.codex/config.toml:2",
  ]);
  expect(found.problems.every((p) => !p.message.includes("\n"))).toBe(true);
});

test("two gigabytes, a FIFO, a link out and a link loop are rows, and none is read", async () => {
  await using place = tree({ "home/.claude.json": "{}", "home/.gemini/settings.json": "{}" });
  truncateSync(join(place.home, ".claude.json"), 2 * 1024 ** 3);
  execFileSync("mkfifo", [join(place.workspace, ".mcp.json")]);
  symlinkSync("/etc", join(place.home, ".codex"));
  symlinkSync("loop", join(place.home, "loop"));
  put(place.directory, "home/.cursor/x", "");
  symlinkSync("/etc/passwd", join(place.home, ".cursor/mcp.json"));
  symlinkSync("../../home/loop", join(place.workspace, "AGENTS.md"));
  symlinkSync("hooks.json", join(place.home, ".cursor/hooks.json"));
  const found = await discover(place);
  const said = found.problems.map((p) => `${p.file}: ${p.message}`);
  expect(said).toContain("home/.claude.json: larger than 1 MiB: not read");
  expect(said).toContain("workspace/.mcp.json: not a regular file");
  expect(said).toContain("home/.codex: a link that leads out of the stack: not followed");
  expect(said).toContain("home/.cursor/mcp.json: a link that leads out of the stack: not followed");
  expect(said).toContain("home/.cursor/hooks.json: cannot be read (ELOOP)");
  expect(found.mcpServers).toEqual([]);
});

test("a link that stays inside is followed, as dotfile managers make them", async () => {
  await using place = tree({ "home/dotfiles/claude.json": { mcpServers: { a: stdio } } });
  symlinkSync("dotfiles/claude.json", join(place.home, ".claude.json"));
  expect((await discover(place)).mcpServers.map((s) => s.name)).toEqual(["a"]);
});

test("a file nested ten thousand deep is a row", async () => {
  await using place = tree({ "home/.claude.json": `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}` });
  const found = await discover(place);
  expect(found.problems).toHaveLength(1);
  expect(found.problems[0]?.file).toBe("home/.claude.json");
});

test("only the agents asked for are read", async () => {
  await using place = tree({ "home/.claude.json": { mcpServers: { a: stdio } }, "home/.cursor/mcp.json": {} });
  expect((await discover(place, { agents: ["cursor"] })).agents.map((a) => a.kind)).toEqual(["cursor"]);
});

test("what could not be read of the original is still not read in its clone, and said once", async () => {
  await using place = tree({ "home/.claude.json": "{ broken" });
  const [broken] = (await discover(place)).problems;
  const large = { file: "workspace/AGENTS.md", line: null, message: "larger than 1 MiB: not read" };
  const clone = await discover(place, { unread: [broken ?? large, large] });
  expect(clone.problems).toEqual([broken, large]);
});
