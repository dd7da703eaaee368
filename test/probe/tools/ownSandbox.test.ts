import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Capability } from "../../../src/probe/tools/canaries.ts";
import { ownSandboxOf } from "../../../src/probe/tools/declaredSandbox.ts";
import type { Cell } from "../../../src/probe/tools/join.ts";
import { ownSandboxRows, type Walls, wallsOf } from "../../../src/probe/tools/ownSandbox.ts";
import type { SeenProcess } from "../../../src/probe/tools/watch.ts";
import { openStack } from "../../../src/stack/reader.ts";

const LAYOUT = { home: "/home/dev", workspace: "/workspace", outside: "/srv/outside", hostOf: () => undefined };
const DECLARED = { declaredAt: "home/.codex/config.toml", mode: "workspace-write", closes: ["write-home"] };
const IN_FORCE: Walls = { status: "seen", walls: ["mnt namespace"] };

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wd-own-"));
  for (const name of ["home", "workspace"]) mkdirSync(join(root, name));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("a declared sandbox that holds is told as held, one that a command passes is an exposure", () => {
  expect(rowsOf({ ...cell("denied"), by: "wall" })).toEqual({ walls: "absent", "write-home": "denied" });
  expect(rowsOf(cell("reachable"))).toEqual({ walls: "absent", "write-home": "reachable" });
  expect(rowsOf({ ...cell("denied"), by: "wall" }, { status: "seen", walls: [] })).toMatchObject({
    walls: "reachable",
  });
});

test("what a question or a rule held up says nothing of the sandbox behind it", () => {
  for (const by of ["approval", "rule"] as const)
    expect(rowsOf({ ...cell("denied"), by })).toMatchObject({ "write-home": "not-measured" });
  expect(rowsOf(cell("not-measured"))).toMatchObject({ "write-home": "not-measured" });
  const unseen = { status: "unseen", reason: "nobody looked" } as const;
  expect(rowsOf({ ...cell("denied"), by: "wall" }, unseen)).toMatchObject({ walls: "not-measured" });
});

test("where no sandbox is declared, that is the row; where no command was asked, nothing is said to hold", () => {
  const none = ownSandboxRows({ agent: "codex", declared: undefined, cells: [], walls: IN_FORCE });
  expect(none).toMatchObject([{ id: "agent-sandbox:codex/walls", verdict: "absent" }]);
  const unasked = ownSandboxRows({ agent: "codex", declared: DECLARED, cells: [], walls: IN_FORCE });
  expect(unasked).toMatchObject([{}, { id: "agent-sandbox:codex/write-home", verdict: "not-measured" }]);
});

test("the command is held against the agent that started it, not against another of its name", () => {
  const marker = {
    isOf: (argv: readonly string[]) => argv.includes("marker"),
    letGo: () => undefined,
    callsIn: () => [],
  };
  const commandLine = { agent: "codex", version: "1", mounts: [], argv: ["/codex"], linked: [] } as const;
  const agent = seen(10, ["/codex", "exec"], [1], "outer");
  const other = seen(11, ["/codex", "exec"], [1], "inner");
  const command = seen(20, ["cat", "marker"], [15, 10, 1], "inner");
  const told = (all: SeenProcess[]) =>
    wallsOf(all, marker, { ...commandLine, mounts: [], argv: ["/codex"], linked: [] });
  expect(told([agent, other, command])).toEqual({ status: "seen", walls: ["mnt namespace"] });
  expect(told([{ ...agent, namespaces: { mnt: "inner" } }, command])).toEqual({ status: "seen", walls: [] });
  expect(told([other, command])).toMatchObject({ status: "unseen" });
  expect(told([agent])).toMatchObject({ status: "unseen" });
});

test.each([
  ['sandbox_mode = "read-only"', ["write-workspace", "write-home", "write-outside", "fetch-internet"]],
  ['sandbox_mode = "workspace-write"', ["write-home", "write-outside", "fetch-internet"]],
  [
    'sandbox_mode = "workspace-write"\n[sandbox_workspace_write]\nnetwork_access = true\nwritable_roots = ["/srv"]',
    ["write-home"],
  ],
  ['profile = "wide"\nsandbox_mode = "read-only"\n[profiles.wide]\nsandbox_mode = "danger-full-access"', undefined],
  ['model = "m"', undefined],
])("of Codex, %j closes %j", async (toml, closes) => {
  file("home/.codex/config.toml", toml);
  expect((await declared("codex"))?.closes).toEqual(closes);
});

test("a project's own setting counts for Codex only where the user trusts it", async () => {
  file("workspace/.codex/config.toml", 'sandbox_mode = "danger-full-access"');
  file("home/.codex/config.toml", 'sandbox_mode = "read-only"');
  expect(await declared("codex")).toMatchObject({ mode: "read-only" });
  file("home/.codex/config.toml", 'sandbox_mode = "read-only"\n[projects."/workspace"]\ntrust_level = "trusted"');
  expect(await declared("codex")).toBeUndefined();
});

test.each([
  [{ enabled: true }, ["write-home", "write-outside", "fetch-internet"]],
  [
    { enabled: true, filesystem: { allowWrite: ["~"], denyRead: ["/srv"] } },
    ["write-outside", "read-outside", "fetch-internet"],
  ],
  [{ enabled: false }, undefined],
])("of Claude Code, %j closes %j", async (sandbox, closes) => {
  file("home/.claude/settings.json", JSON.stringify({ sandbox }));
  expect((await declared("claude-code"))?.closes).toEqual(closes);
});

test.each([
  [{ security: { toolSandboxing: true } }, "security.toolSandboxing"],
  [{ tools: { sandbox: "docker" } }, "tools.sandbox"],
  [{ tools: { sandbox: false } }, undefined],
])("of Gemini CLI, %j is %j", async (settings, mode) => {
  file("workspace/.gemini/settings.json", JSON.stringify(settings));
  expect((await declared("gemini-cli"))?.mode).toBe(mode);
});

function declared(agent: Parameters<typeof ownSandboxOf>[0]): ReturnType<typeof ownSandboxOf> {
  return ownSandboxOf(agent, openStack({ home: join(root, "home"), workspace: join(root, "workspace") }), LAYOUT);
}

function file(name: string, content: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), content);
}

function rowsOf(one: Cell, walls: Walls = IN_FORCE): Record<string, string> {
  const rows = ownSandboxRows({ agent: "codex", declared: DECLARED, cells: [one], walls });
  return Object.fromEntries(rows.map(({ id, verdict }) => [id.replace("agent-sandbox:codex/", ""), verdict]));
}

function cell(verdict: Cell["verdict"]): Cell {
  const place = { name: "home", path: "/home/dev", host: "/h" } as const;
  const capability: Capability = { id: "write-home", action: "write", isWork: false, what: "writing", place };
  return { path: "exec_command", capability, verdict, detail: "told" };
}

function seen(pid: number, argv: string[], ancestors: number[], mnt: string): SeenProcess {
  const rest = { seccomp: "0/0", noNewPrivs: "0", envNames: [], listens: [] };
  return { pid, argv, ancestors, namespaces: { mnt }, ...rest };
}
