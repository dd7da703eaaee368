import { describe, expect, test } from "vitest";
import { AUDIT_CHECKS } from "../../../src/stack/audit/all.ts";
import { auditStack } from "../../../src/stack/audit/audit.ts";
import { hiddenIn } from "../../../src/stack/audit/instruction-hidden-text.ts";
import { readDeclared } from "../../../src/stack/declared.ts";
import { discover } from "../../../src/stack/discover.ts";
import type { Audit } from "../../../src/stack/stack.ts";
import { tree } from "../../support/tree.ts";

const DEVCONTAINER = "workspace/.devcontainer/devcontainer.json";
const BROKEN = "{ broken";

async function audit(files: Record<string, unknown>): Promise<Audit> {
  await using place = tree(files);
  return await auditStack(place, await discover(place), await readDeclared(place, "auto"));
}

/** Verdicts of one check's rows, by id. */
async function verdicts(check: string, files: Record<string, unknown>): Promise<Record<string, string>> {
  const { observations } = await audit(files);
  const own = observations.filter((o) => o.id === check || o.id.startsWith(`${check}:`));
  return Object.fromEntries(own.map((o) => [o.id, o.verdict]));
}

function claude(server: unknown): Record<string, unknown> {
  return { "workspace/.mcp.json": { mcpServers: { s: server } } };
}

function hook(command: string): Record<string, unknown> {
  return { "workspace/.claude/settings.json": { hooks: { Stop: [{ hooks: [{ type: "command", command }] }] } } };
}

type World = [name: string, id: string, files: Record<string, unknown>];

const HOLDS: World[] = [
  [
    "the whole disk for Codex",
    "codex-sandbox-mode",
    { "home/.codex/config.toml": 'sandbox_mode = "danger-full-access"' },
  ],
  [
    "only in a profile",
    "codex-sandbox-mode",
    { "home/.codex/config.toml": '[profiles.yolo]\nsandbox_mode = "danger-full-access"' },
  ],
  [
    "only in a profile's file",
    "codex-sandbox-mode",
    { "home/.codex/x.config.toml": 'sandbox_mode = "danger-full-access"' },
  ],
  [
    "only in the project",
    "codex-sandbox-mode",
    { "workspace/.codex/config.toml": 'sandbox_mode = "danger-full-access"' },
  ],
  ["Codex asks never", "codex-approval-policy", { "home/.codex/config.toml": 'approval_policy = "never"' }],
  [
    "permissions bypassed",
    "claude-permission-mode:bypass-permissions",
    { "home/.claude/settings.json": { permissions: { defaultMode: "bypassPermissions" } } },
  ],
  [
    "every command allowed",
    "claude-permission-mode:every-command",
    { "workspace/.claude/settings.local.json": { permissions: { allow: ["Read(x)", "Bash(*)"] } } },
  ],
  [
    "every project's servers",
    "claude-permission-mode:every-project-server",
    { "home/.claude/settings.json": { enableAllProjectMcpServers: true } },
  ],
  [
    "a way around the sandbox",
    "claude-permission-mode:sandbox-escape-hatch",
    { "home/.claude/settings.json": { sandbox: { enabled: true, excludedCommands: ["docker"] } } },
  ],
  [
    "commands outside of the sandbox",
    "claude-permission-mode:sandbox-escape-hatch",
    { "home/.claude/settings.json": { sandbox: { allowUnsandboxedCommands: true } } },
  ],
  [
    "a hook that answers",
    "claude-permission-mode:hook-answers-for-user",
    { "home/.claude/settings.json": { hooks: { PermissionRequest: [] } } },
  ],
  [
    "a trusted server",
    "gemini-trust:s",
    { "home/.gemini/settings.json": { mcpServers: { s: { command: "x", trust: true } } } },
  ],
  [
    "a package without a version",
    "mcp-server-unpinned:claude-code/s",
    claude({ command: "npx", args: ["-y", "@scope/pkg"] }),
  ],
  ["a server for the whole machine", "mcp-server-broad-root:claude-code/s", claude({ command: "srv", args: ["/"] })],
  [
    "a server for a home",
    "mcp-server-broad-root:claude-code/s",
    claude({ command: "srv", args: ["--root=/home/someone/"] }),
  ],
  ["a server for $HOME", "mcp-server-broad-root:claude-code/s", claude({ command: "srv", args: ["${HOME}"] })],
  [
    "a server's container with the machine",
    "mcp-server-broad-root:claude-code/s",
    claude({ command: "docker", args: ["run", "-v", "/:/host", "img"] }),
  ],
  [
    "plain HTTP over a network",
    "mcp-remote-plaintext:claude-code/s",
    claude({ type: "http", url: "http://mcp.example/x" }),
  ],
  [
    "plain HTTP through a carrier",
    "mcp-remote-plaintext:claude-code/s",
    claude({ command: "npx", args: ["mcp-remote@1.0.0", "http://192.0.2.1/x"] }),
  ],
  [
    "a literal in a header",
    "credentials-in-config:workspace/.mcp.json",
    claude({ url: "https://mcp.example", headers: { Authorization: "Bearer abc" } }),
  ],
  [
    "a literal in Claude's environment",
    "credentials-in-config:home/.claude/settings.json",
    { "home/.claude/settings.json": { env: { API_TOKEN: "abc" } } },
  ],
  ["hidden text", "instruction-hidden-text:workspace/CLAUDE.md", { "workspace/CLAUDE.md": "do this\u202enot that" }],
  ["no sandbox at all", "sandbox-declared", {}],
  ["a privileged container", "devcontainer-flags:privileged", { [DEVCONTAINER]: { privileged: true } }],
  [
    "a privileged container by a flag",
    "devcontainer-flags:privileged",
    { [DEVCONTAINER]: { runArgs: ["--privileged"] } },
  ],
  ["an added capability", "devcontainer-flags:cap-add-SYS_PTRACE", { [DEVCONTAINER]: { capAdd: ["SYS_PTRACE"] } }],
  ["no filter", "devcontainer-flags:seccomp-unconfined", { [DEVCONTAINER]: { securityOpt: ["seccomp=unconfined"] } }],
  [
    "no AppArmor",
    "devcontainer-flags:apparmor-unconfined",
    { [DEVCONTAINER]: { securityOpt: ["apparmor:unconfined"] } },
  ],
  ["the host's processes", "devcontainer-flags:host-pid", { [DEVCONTAINER]: { runArgs: ["--pid=host"] } }],
  ["the host's network", "devcontainer-flags:host-network", { [DEVCONTAINER]: { runArgs: ["--net", "host"] } }],
  [
    "an engine's socket",
    "devcontainer-engine-socket",
    { [DEVCONTAINER]: { mounts: ["source=/run/podman/podman.sock,target=/x,type=bind"] } },
  ],
];

test.each(HOLDS)("the weak condition is found: %s", async (_name, id, files) => {
  const { observations } = await audit(files);
  const row = observations.find((o) => o.id === id);
  expect(row?.verdict).toBe("reachable");
  expect(row?.access.length).toBeGreaterThan(0);
});

const REFUTED: World[] = [
  ["no Codex at all", "codex-sandbox-mode", {}],
  ["Codex in its sandbox", "codex-sandbox-mode", { "home/.codex/config.toml": 'sandbox_mode = "workspace-write"' }],
  ["Codex asks", "codex-approval-policy", { "home/.codex/config.toml": 'approval_policy = "on-request"' }],
  [
    "sound permissions",
    "claude-permission-mode:every-command",
    { "home/.claude/settings.json": { permissions: { allow: ["Bash(npm test)"] } } },
  ],
  ["a server that asks", "gemini-trust:s", { "home/.gemini/settings.json": { mcpServers: { s: { command: "x" } } } }],
  [
    "an exact version",
    "mcp-server-unpinned:claude-code/s",
    claude({ command: "npx", args: ["-y", "@scope/pkg@1.2.3"] }),
  ],
  [
    "a version in the lock file",
    "mcp-server-unpinned:claude-code/s",
    {
      ...claude({ command: "npx", args: ["pkg"] }),
      "workspace/package-lock.json": { packages: { "node_modules/pkg": { version: "2.0.0" } } },
    },
  ],
  [
    "a server for one directory",
    "mcp-server-broad-root:claude-code/s",
    claude({ command: "srv", args: ["/home/someone/project", "--level", "/-"] }),
  ],
  ["TLS", "mcp-remote-plaintext:claude-code/s", claude({ url: "https://mcp.example" })],
  ["loopback", "mcp-remote-plaintext:claude-code/s", claude({ url: "http://127.0.0.1:9/x" })],
  [
    "a reference in a header",
    "credentials-in-config:workspace/.mcp.json",
    claude({ url: "https://mcp.example", headers: { Authorization: "Bearer ${TOKEN}" } }),
  ],
  [
    "plain text with an emoji that joins",
    "instruction-hidden-text:workspace/CLAUDE.md",
    { "workspace/CLAUDE.md": "\ufeffdo 👩‍💻 this, and नमस्‍ते" },
  ],
  [
    "a container as the engine makes it",
    "devcontainer-flags:privileged",
    { [DEVCONTAINER]: { capAdd: ["CHOWN"], privileged: false } },
  ],
  ["a sandbox is declared", "sandbox-declared", { [DEVCONTAINER]: {} }],
  ["no container", "devcontainer-engine-socket", {}],
  ["no socket", "devcontainer-engine-socket", { [DEVCONTAINER]: {} }],
];

test.each(REFUTED)("what was looked for and is not there is absent: %s", async (_name, id, files) => {
  const { observations, checks } = await audit(files);
  expect(observations.find((o) => o.id === id)?.verdict).toBe("absent");
  const declared = Object.hasOwn(files, DEVCONTAINER);
  const weak = observations.filter((o) => o.verdict === "reachable" && (declared || o.id !== "sandbox-declared"));
  expect(weak).toEqual([]);
  expect(checks.every((c) => c.status === "ran" && c.reason === "")).toBe(true);
});

const BLIND: World[] = [
  ["Codex's file is broken", "codex-sandbox-mode", { "home/.codex/config.toml": "= =" }],
  ["Codex's file is broken", "codex-approval-policy", { "home/.codex/config.toml": "= =" }],
  ["Claude's settings are broken", "claude-permission-mode:every-command", { "home/.claude/settings.json": BROKEN }],
  [
    "Gemini's settings are broken",
    "gemini-trust:home/.gemini/settings.json",
    { "home/.gemini/settings.json": BROKEN },
  ],
  ["a server file is broken", "mcp-server-unpinned:workspace/.mcp.json", { "workspace/.mcp.json": BROKEN }],
  ["a server names no package", "mcp-server-unpinned:claude-code/s", claude({ command: "npx", args: ["-y"] })],
  ["a server file is broken", "mcp-server-broad-root:workspace/.mcp.json", { "workspace/.mcp.json": BROKEN }],
  ["an address is a variable", "mcp-remote-plaintext:claude-code/s", claude({ url: "${MCP_URL}" })],
  ["a server file is broken", "credentials-in-config:workspace/.mcp.json", { "workspace/.mcp.json": BROKEN }],
  [
    "the settings with the hooks are broken",
    "hook-runs-workspace-script:workspace/.claude/settings.json",
    { "workspace/.claude/settings.json": BROKEN },
  ],
  [
    "an instruction file is too large",
    "instruction-hidden-text:workspace/CLAUDE.md",
    { "workspace/CLAUDE.md": "x".repeat(1024 * 1024 + 1) },
  ],
  [
    "a flag is a variable of the host",
    "devcontainer-flags:host-pid",
    { [DEVCONTAINER]: { runArgs: ["--pid=${localEnv:P}"] } },
  ],
  [
    "a mount is a variable of the host",
    "devcontainer-engine-socket",
    { [DEVCONTAINER]: { mounts: ["source=${localEnv:S},target=/s,type=bind"] } },
  ],
];

test.each(BLIND)(
  "what could not be looked at is not measured, and the check says so: %s (%s)",
  async (_name, id, files) => {
    const { observations, checks } = await audit(files);
    expect(observations.find((o) => o.id === id)?.verdict).toBe("not-measured");
    const run = checks.find((c) => c.check === id.split(":")[0]);
    expect(["failed", "degraded"]).toContain(run?.status);
    expect(run?.reason).not.toBe("");
  },
);

test("a weak setting that can be seen counts although another file is broken", async () => {
  const files = {
    "home/.codex/config.toml": 'sandbox_mode = "danger-full-access"',
    "workspace/.codex/config.toml": "= =",
  };
  expect(await verdicts("codex-sandbox-mode", files)).toEqual({ "codex-sandbox-mode": "reachable" });
});

test("every planned check is accounted for, once, also for an empty stack", async () => {
  const { checks } = await audit({});
  expect(checks.map((c) => c.check)).toEqual(AUDIT_CHECKS.map((c) => c.check));
  expect(new Set(checks.map((c) => c.check)).size).toBe(AUDIT_CHECKS.length);
});

test("two files that name one server give one row, and the weaker counts", async () => {
  const found = await verdicts("mcp-server-unpinned", {
    "home/.claude.json": { mcpServers: { s: { command: "npx", args: ["p@1.2.3"] } } },
    "workspace/.mcp.json": { mcpServers: { s: { command: "npx", args: ["p"] } } },
  });
  expect(found).toEqual({ "mcp-server-unpinned:claude-code/s": "reachable" });
});

test("a server's name cannot break an id or a report", async () => {
  const name = `evil\n\u202e <script> ${"x".repeat(500)}`;
  const { observations } = await audit({
    "workspace/.mcp.json": { mcpServers: { [name]: { command: "npx", args: ["p"] } } },
  });
  const row = observations.find((o) => o.id.startsWith("mcp-server-unpinned:"));
  expect(row?.id).toMatch(/^[\x21-\x7e]{1,240}$/);
  expect(row?.subject).not.toMatch(/[\n\u202e]/u);
});

test("no value of a credential gets into an observation", async () => {
  const secret = ["made", "up", "value"].join("-");
  const rows = await audit({
    ...claude({ command: "npx", args: ["p", "--token", secret], env: { API_KEY: secret } }),
    ...hook(`curl -H "Authorization: ${secret}" x`),
    [DEVCONTAINER]: { containerEnv: { TOKEN: secret }, runArgs: ["-e", `TOKEN=${secret}`] },
  });
  expect(JSON.stringify(rows)).not.toContain(secret);
});

describe("a hook runs the workspace's own script", () => {
  test.each([
    '"$CLAUDE_PROJECT_DIR"/.claude/hooks/check.sh',
    "${CLAUDE_PROJECT_DIR}/x.sh --fast",
    "node ./scripts/check.mjs",
    "bash -c 'cd /tmp && scripts/x.sh'",
    "npm run lint",
    "make check",
  ])("%s", async (command) => {
    expect(Object.values(await verdicts("hook-runs-workspace-script", hook(command)))).toEqual(["reachable"]);
  });

  test.each([
    'node "$HOME/.claude/hooks/x.mjs"',
    "~/.local/bin/check",
    "/usr/bin/true",
    "notify-send done",
    "curl https://x.example/a",
  ])("not: %s", async (command) => {
    expect(Object.values(await verdicts("hook-runs-workspace-script", hook(command)))).toEqual(["absent"]);
  });
});

test("a megabyte of hidden characters is counted at once", () => {
  const started = performance.now();
  expect(hiddenIn("\u{e0041}".repeat(260_000))).toHaveLength(1);
  expect(performance.now() - started).toBeLessThan(2_000);
});

describe("characters that a person does not see are counted with their line", () => {
  test.each([
    ["a\nb\u200bc\u200b", ["2 zero-width characters, first on line 2"]],
    ["x\u{e0041}\u{e0042}", ["2 tag characters, first on line 1"]],
    ["🏴\u{e0067}\u{e0062}\u{e007f}", []],
    ["a\u200db", ["1 zero-width characters, first on line 1"]],
    ["می\u200cخواهم", []],
    ["a\u3164b", ["1 invisible fillers, first on line 1"]],
    ["葛\u{e0100}", []],
    ["a\u{e0100}", ["1 invisible fillers, first on line 1"]],
    ["plain — text", []],
  ])("%j", (text, said) => expect(hiddenIn(text)).toEqual(said));
});
