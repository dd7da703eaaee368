import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { declarationOf, deniedBy } from "../../../src/probe/tools/declared.ts";
import { findCommandLine } from "../../../src/probe/tools/find.ts";
import { joinedPlanes, notMeasured, withCaveat } from "../../../src/probe/tools/rows.ts";
import type { ToolPlane } from "../../../src/probe/tools/tools.ts";
import { discover } from "../../../src/stack/discover.ts";
import { openStack } from "../../../src/stack/reader.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wd-decl-"));
  for (const name of ["home", "workspace"]) mkdirSync(join(root, name));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const LAYOUT = {
  home: "/home/dev",
  workspace: "/workspace",
  outside: "/srv/weakdoor",
  hostOf: (path: string) =>
    path.startsWith("/home/dev/") || path.startsWith("/workspace/") ? `/host${path}` : undefined,
};

test.each([
  ["Read(~/.ssh/**)", "/home/dev/.ssh/weakdoor-canary"],
  ["Read(./.env*)", "/workspace/.envweakdoor-canary"],
  ["Read(secrets/**/*.pem)", "/workspace/secrets/weakdoor-canary.pem"],
  ["Read(/config/key)", "/workspace/config/key"],
  ["Read(//home/dev/x/?)", "/home/dev/x/weakdoor-canary"],
  // Not ours to put a file at, not about reading, or not understood.
  ["Read(//etc/shadow)", undefined],
  ["Read(../up)", undefined],
  ["Read(~/[ab]*)", undefined],
  ["Read", undefined],
  ["Edit(~/.ssh/**)", undefined],
  ["Bash(curl:*)", undefined],
])("the rule %s is tried at %s", (rule, path) => {
  expect(deniedBy(rule, LAYOUT)?.path).toBe(path);
});

test("a stack's own words: rules of every settings file, enabled servers that are programs, hooks", async () => {
  file("home/.claude/settings.json", {
    permissions: { deny: ["Read(~/.ssh/**)", "WebFetch"] },
    hooks: { PreToolUse: [{ hooks: [{ type: "command", command: "true" }] }] },
  });
  file("workspace/.claude/settings.json", { permissions: { deny: ["Read(~/.ssh/**)", "Read(./key)"] } });
  file("workspace/.mcp.json", {
    mcpServers: {
      desk: { command: "node", args: ["desk.mjs"] },
      far: { type: "http", url: "https://a.example/mcp" },
    },
  });
  const roots = { home: join(root, "home"), workspace: join(root, "workspace") };
  const found = await discover(roots);
  expect(await declarationOf("claude-code", found, openStack(roots), LAYOUT)).toMatchObject({
    deniedPaths: [{ rule: "Read(~/.ssh/**)" }, { rule: "Read(./key)" }],
    servers: [{ name: "desk", argv: ["node", "desk.mjs"] }],
    hooks: [{ name: "PreToolUse-1", command: "true" }],
    remote: [{ name: "far", at: "https://a.example" }],
    subAgents: [],
  });
  expect(await declarationOf("codex", found, openStack(roots), LAYOUT)).toEqual({
    deniedPaths: [],
    servers: [],
    hooks: [],
    subAgents: [],
    remote: [],
  });
});

test("a command line is found where a person installed it, and brought in read-only; else the way to bring it is told", async () => {
  const directories = [join(root, "node_modules")];
  const ask = () => findCommandLine("codex", { home: join(root, "home"), directories });
  expect(await ask()).toMatchObject({ status: "absent", reason: expect.stringContaining("@openai/codex") as string });
  const cpu = process.arch === "arm64" ? ["arm64", "aarch64"] : ["x64", "x86_64"];
  const directory = `node_modules/@openai/codex-linux-${cpu[0]}`;
  file(`${directory}/package.json`, { version: `1.2.3-linux-${cpu[0]}` });
  file(`${directory}/vendor/${cpu[1]}-unknown-linux-musl/bin/codex`, {});
  chmodSync(join(root, directory, `vendor/${cpu[1]}-unknown-linux-musl/bin/codex`), 0o755);
  expect(await ask()).toMatchObject({
    status: "found",
    commandLine: { version: "1.2.3", argv: ["/.agents/codex/bin/codex"], mounts: [{ kind: "bind", mode: "ro" }] },
  });
});

test("the newest of the vendor's own installs of Claude Code is taken, by number", async () => {
  for (const version of ["2.1.9", "2.1.10", "garbage"]) file(`home/.local/share/claude/versions/${version}`, {});
  const found = await findCommandLine("claude-code", { home: join(root, "home"), directories: [] });
  expect(found).toMatchObject({ status: "found", commandLine: { version: "2.1.10" } });
});

test("a check ran only when it did for every agent, and nothing driven is one line", () => {
  const ran: ToolPlane = {
    observations: [],
    checks: notMeasured("codex", "", "failed").checks.map((run) => ({ ...run, status: "ran", reason: "" })),
  };
  const skipped = notMeasured("claude-code", "not here", "skipped");
  const both = joinedPlanes([ran, skipped]);
  expect(new Set(both.checks.map(({ status }) => status))).toEqual(new Set(["degraded"]));
  expect(both.checks[0]?.reason).toContain("not here");
  expect(joinedPlanes([skipped, skipped]).checks).toMatchObject([{ check: "tool-plane", status: "skipped" }]);
  expect(joinedPlanes([ran]).checks.every(({ status }) => status === "ran")).toBe(true);
  expect(
    withCaveat(ran, "elsewhere").checks.every(
      ({ status, reason }) => status === "degraded" && reason === "elsewhere",
    ),
  ).toBe(true);
});

function file(name: string, content: object): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), JSON.stringify(content));
}
