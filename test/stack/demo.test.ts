import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exec } from "../../src/base/exec.ts";
import { loadConfig } from "../../src/config/config.ts";
import { auditStack } from "../../src/stack/audit/audit.ts";
import { readDeclared } from "../../src/stack/declared.ts";
import { buildDemo } from "../../src/stack/demo.ts";
import { madeUpCredentials } from "../../src/stack/demoCredentials.ts";
import { discover } from "../../src/stack/discover.ts";
import { tree } from "../support/tree.ts";

const TEMPLATES = join(import.meta.dirname, "../../sandboxes/demo");

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("/.git"))
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted();
}

test("the demo is the same bytes and the same history each time, and can be built over itself", async () => {
  await using scratch = tree();
  const first = await buildDemo(join(scratch.directory, "a"));
  const second = await buildDemo(join(scratch.directory, "b"));
  await buildDemo(join(scratch.directory, "b"));
  const files = filesBelow(join(scratch.directory, "a"));
  expect(files.length).toBeGreaterThan(25);
  expect(filesBelow(join(scratch.directory, "b"))).toEqual(files);
  const contents = (name: string) => files.map((file) => readFileSync(join(scratch.directory, name, file), "utf8"));
  expect(contents("b")).toEqual(contents("a"));
  const heads = await Promise.all(
    [first, second].map((d) => exec(["git", "-C", d.workspace, "log", "--format=%H %ae"])),
  );
  expect(heads[0]?.stdout.trim().split("\n")).toHaveLength(4);
  expect(heads[0]?.stdout).toMatch(/@harbor-desk\.example$/m);
  expect(heads[1]?.stdout).toBe(heads[0]?.stdout);
});

test("a directory that holds something else is left alone", async () => {
  await using scratch = tree({ "home/mine.txt": "mine" });
  await expect(buildDemo(scratch.directory)).rejects.toThrow(/not empty/);
  expect(readFileSync(join(scratch.home, "mine.txt"), "utf8")).toBe("mine");
});

test("its configuration loads and says what stands there", async () => {
  await using scratch = tree();
  const demo = await buildDemo(join(scratch.directory, "demo"));
  const config = await loadConfig(demo.config);
  expect(config.stack).toMatchObject({ name: "harbor-desk", home: demo.home, workspace: demo.workspace });
  const found = await discover(demo);
  expect(found.problems).toEqual([]);
  expect(found.agents.map((a) => a.kind)).toEqual(["claude-code", "codex"]);
  expect(new Set(found.mcpServers.map((s) => s.name))).toEqual(new Set(["filesystem", "tickets"]));
  const declared = await readDeclared(demo, config.target.declaredBy);
  expect(declared).toMatchObject({
    user: { name: "node", uid: 1000 },
    homePath: "/home/node",
    workspacePath: "/workspaces/harbor-desk",
    capabilities: ["CAP_SYS_PTRACE"],
    noNewPrivileges: true,
    readOnlyRoot: true,
  });
});

test("credentials stand in the eight files that the README lists, and in no other, nor in the history", async () => {
  await using scratch = tree();
  const demo = await buildDemo(join(scratch.directory, "demo"));
  const { sshPublicKey: _public, sshPrivateKey, ...values } = madeUpCredentials();
  const needles = [...Object.values(values), sshPrivateKey.split("\n")[2] ?? ""];
  const holding = filesBelow(join(scratch.directory, "demo")).filter((file) => {
    const text = readFileSync(join(scratch.directory, "demo", file), "utf8");
    return needles.some((needle) => text.includes(needle));
  });
  const readme = readFileSync(join(TEMPLATES, "README.md"), "utf8");
  const listed = [...readme.split("## Eight places")[1]!.matchAll(/^\| `([^`]+)` \|/gm)].map((m) => m[1] ?? "");
  expect(listed).toHaveLength(8);
  expect(holding.map((file) => file.replace(/^harbor-desk/, "workspace")).toSorted()).toEqual(listed.toSorted());
  const history = await exec(["git", "-C", demo.workspace, "log", "--patch", "--all"]);
  expect(history.stdout).toContain("localEnv:GITHUB_TOKEN");
  expect(needles.filter((needle) => history.stdout.includes(needle))).toEqual([]);
});

test("no credential stands in a template, and what only its owner may read is that way", async () => {
  const templates = filesBelow(TEMPLATES).map((file) => readFileSync(join(TEMPLATES, file), "utf8"));
  const values = Object.values(madeUpCredentials());
  expect(templates.filter((text) => values.some((value) => text.includes(value)))).toEqual([]);
  await using scratch = tree();
  const { home } = await buildDemo(join(scratch.directory, "demo"));
  const owned = [".ssh/id_ed25519", ".aws/credentials", ".codex/auth.json", ".npmrc", ".netrc"];
  expect(owned.filter((file) => (statSync(join(home, file)).mode & 0o777) !== 0o600)).toEqual([]);
});

test("the README counts six weaknesses", () => {
  const readme = readFileSync(join(TEMPLATES, "README.md"), "utf8");
  expect([...readme.matchAll(/^\| W\d \| `([a-z-]+)`/gm)].map((m) => m[1])).toEqual([
    "engine-socket-in-sandbox",
    "devcontainer-loosened",
    "cloud-credentials-in-sandbox",
    "secret-in-environment",
    "agent-sandbox-off",
    "mcp-server-unpinned",
  ]);
});

test("the service's tests pass, its MCP server answers, and its hook refuses a dotenv file", async () => {
  await using scratch = tree();
  const { home, workspace } = await buildDemo(join(scratch.directory, "demo"));
  const node = process.execPath;
  const tests = await exec([node, "--test"], { cwd: workspace });
  expect(tests.code).toBe(0);
  const asked = [
    { id: 1, method: "initialize", params: { protocolVersion: "2025-06-18" } },
    { method: "notifications/initialized" },
    { id: 2, method: "tools/list" },
    { id: 3, method: "tools/call", params: { name: "show_ticket", arguments: { id: 101 } } },
    { id: 4, method: "nonsense" },
  ].map((message) => JSON.stringify({ jsonrpc: "2.0", ...message }));
  const mcp = await exec([node, "tools/tickets-mcp/server.mjs"], {
    cwd: workspace,
    stdin: `${asked.join("\n")}\nno json\n`,
  });
  const replies = mcp.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(replies.map((r) => r["id"])).toEqual([1, 2, 3, 4, null]);
  expect(replies[1]).toMatchObject({ result: { tools: [{ name: "list_tickets" }, { name: "show_ticket" }] } });
  expect(replies[3]).toMatchObject({ error: { code: -32601 } });
  const hook = (file: string) =>
    exec([node, join(home, ".claude/hooks/refuse-dotenv.mjs")], {
      stdin: JSON.stringify({ tool_input: { file_path: file } }),
    });
  expect((await hook("/x/.env")).code).toBe(2);
  expect((await hook("/x/.env.example")).code).toBe(0);
});

test("a checkout around the demo is not written to", async () => {
  await using scratch = tree();
  const git = (args: string[]) => exec(["git", "-C", scratch.directory, ...args]);
  await git(["init", "--quiet"]);
  writeFileSync(join(scratch.directory, "home/x"), "");
  await buildDemo(join(scratch.directory, "demo"));
  expect((await git(["log"])).code).not.toBe(0);
});

test("of its configuration the audit finds what was planted, and nothing else", async () => {
  await using scratch = tree();
  const demo = await buildDemo(join(scratch.directory, "demo"));
  const audit = await auditStack(demo, await discover(demo), await readDeclared(demo, "auto"));
  expect(audit.observations.filter((o) => o.verdict !== "absent").map((o) => `${o.verdict} ${o.id}`)).toEqual([
    "reachable codex-sandbox-mode",
    "reachable mcp-server-unpinned:claude-code/filesystem",
    "reachable devcontainer-flags:cap-add-SYS_PTRACE",
    "reachable devcontainer-engine-socket",
  ]);
  expect(audit.checks.filter((c) => c.status !== "ran")).toEqual([]);
});
