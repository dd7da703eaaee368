import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Finding } from "../../src/findings/finding.ts";
import type { Observation } from "../../src/guest/observation.ts";
import { MITIGATIONS } from "../../src/mitigation/all.ts";
import { lintScript } from "../../src/mitigation/lint.ts";
import type { Plan } from "../../src/mitigation/mitigation.ts";
import { scriptsFor } from "../../src/mitigation/script.ts";
import { CATALOGUE } from "../../src/sources/weaknesses/catalogue.ts";
import { CLOUD, findingsOf, SOCKET, UNPINNED } from "../findings/sample.ts";
import { cloneWith, type Files } from "./rig.ts";

const FAKE = ["ghx", "FAKEfake0123456789"].join("_");

const DEVCONTAINER = `{
  "name": "desk",
  "runArgs": [
    "--cap-drop=ALL",
    // For the profiler.
    "--cap-add=SYS_PTRACE",
    "-v", "\${localEnv:HOME}/.kube:/home/node/.kube",
    "--read-only"
  ],
  "mounts": [
    "source=desk-claude,target=/home/node/.claude,type=volume",
    // So that the tests can start containers.
    "source=/var/run/docker.sock,target=/var/run/docker.sock,type=bind",
    { "source": "\${localEnv:HOME}/.config/gcloud", "target": "/home/node/.config/gcloud", "type": "bind" },
    // For the nightly upload.
    "source=\${localEnv:HOME}/.aws,target=/home/node/.aws,type=bind,readonly"
  ],
  "containerEnv": {
    "NODE_ENV": "development",
    "GITHUB_TOKEN": "${FAKE}"
  }
}
`;
const PLACE = "workspace/.devcontainer/devcontainer.json";

async function plan(id: string, files: Files, observation: Observation): Promise<Plan> {
  const mitigation = MITIGATIONS.find((m) => m.id === id);
  const finding: Finding | undefined = findingsOf([observation]).find((f) =>
    CATALOGUE.find((w) => w.id === f.weakness)?.mitigations.includes(id),
  );
  if (mitigation === undefined || finding === undefined) throw new Error(`${id} is not for ${observation.id}`);
  using clone = cloneWith(files);
  return await mitigation.plan(clone, finding);
}

/** Before and after of the only file, with what apply takes away and puts there; the scripts hold no fake. */
function onlyChange(planned: Plan) {
  if (planned.status === "not-applicable") throw new Error(planned.reason);
  const [change, ...others] = planned.changes;
  expect(others).toEqual([]);
  const scripts = scriptsFor({ finding: `fp1:${"a".repeat(64)}`, mitigation: "m", title: "t" }, planned.changes);
  expect([lintScript(scripts.apply, [FAKE]), lintScript(scripts.reverse, [FAKE])]).toEqual([
    { status: "clean" },
    { status: "clean" },
  ]);
  return change;
}

function without(text: string, part: string): string {
  expect(text).toContain(part);
  return text.replace(part, () => "");
}

const cloud = (place: string): Observation => ({ ...CLOUD, id: `cloud-credential-file:${place}` });
const capability: Observation = {
  ...SOCKET,
  id: "capability:CAP_SYS_PTRACE",
  category: "process",
  verdict: "reachable",
  access: ["configure"],
};
const secret: Observation = { ...CLOUD, id: "env-secret:GITHUB_TOKEN" };
const sandboxOff: Observation = { ...UNPINNED, id: "codex-sandbox-mode" };

test("every mitigation that the catalogue of weaknesses names is there, and every one that is there is named", () => {
  const named = new Set(CATALOGUE.flatMap((w) => w.mitigations));
  expect([...named].sort()).toEqual(MITIGATIONS.map((m) => m.id).sort());
});

test.each<[string, Observation, string]>([
  ["the engine's socket", SOCKET, '    "source=/var/run/docker.sock,target=/var/run/docker.sock,type=bind",\n'],
  [
    "the engine's socket by its other name",
    { ...SOCKET, id: "engine-socket:/run/docker.sock" },
    '    "source=/var/run/docker.sock,target=/var/run/docker.sock,type=bind",\n',
  ],
  [
    "a mount that is an object",
    cloud("~/.config/gcloud/credentials.db"),
    '    { "source": "${localEnv:HOME}/.config/gcloud", "target": "/home/node/.config/gcloud", "type": "bind" },\n',
  ],
  ["an option of two words", cloud("~/.kube/config"), '"-v", "${localEnv:HOME}/.kube:/home/node/.kube",'],
])("remove-mount takes out %s and leaves the rest", async (_, observation, gone) => {
  const change = onlyChange(await plan("devcontainer.remove-mount", { [PLACE]: DEVCONTAINER }, observation));
  const squeezed = (text: string) => text.replace(/\s+/g, "");
  expect(squeezed(change.after)).toBe(squeezed(without(DEVCONTAINER, gone)));
});

test("remove-mount of the last one takes the comma before it, so that the file stays JSON", async () => {
  const change = onlyChange(
    await plan("devcontainer.remove-mount", { [PLACE]: DEVCONTAINER }, cloud("~/.aws/credentials")),
  );
  expect(change.after).toMatch(/"type": "bind" \}\n {2}\],/);
});

test("remove-mount finds the only mount of a file on one line", async () => {
  const file = '{"mounts":["source=/run/docker.sock,target=/var/run/docker.sock,type=bind"],"name":"x"}';
  const change = onlyChange(
    await plan("devcontainer.remove-mount", { "workspace/.devcontainer.json": file }, SOCKET),
  );
  expect(change.after).toBe('{"mounts":[],"name":"x"}');
});

test("drop-capability takes out the option, by what was measured and by what the file says", async () => {
  const flags: Observation = { ...UNPINNED, id: "devcontainer-flags:cap-add-SYS_PTRACE" };
  for (const observation of [capability, flags]) {
    const change = onlyChange(await plan("devcontainer.drop-capability", { [PLACE]: DEVCONTAINER }, observation));
    expect(change.after).toBe(without(DEVCONTAINER, '    "--cap-add=SYS_PTRACE",\n'));
  }
});

test.each([
  ['{ "capAdd": ["SYS_PTRACE", "NET_ADMIN"] }', '{ "capAdd": ["NET_ADMIN"] }'],
  ['{ "runArgs": ["--cap-add", "CAP_SYS_PTRACE"] }', '{ "runArgs": [] }'],
])("drop-capability reads %s", async (before, after) => {
  expect(onlyChange(await plan("devcontainer.drop-capability", { [PLACE]: before }, capability)).after).toBe(after);
});

test("remove-env makes the line a comment and holds no byte of the value", async () => {
  const change = onlyChange(await plan("devcontainer.remove-env", { [PLACE]: DEVCONTAINER }, secret));
  expect(change.after).toContain(`// not set: GITHUB_TOKEN = "${FAKE}"`);
  expect(JSON.stringify(change.hunks)).not.toContain(FAKE);
});

test("remove-env leaves a variable alone that shares its line with others", async () => {
  const file = `{ "containerEnv": { "GITHUB_TOKEN": "${FAKE}", "A": "b" } }`;
  expect(await plan("devcontainer.remove-env", { [PLACE]: file }, secret)).toMatchObject({
    status: "not-applicable",
  });
});

const MCP = '{ "mcpServers": { "filesystem": { "command": "npx", "args": ["-y", "@scope/server-files", "/w"] } } }';
const MANIFEST = JSON.stringify({ devDependencies: { "@scope/server-files": "2026.8.31" } });
const LOCK = JSON.stringify({ packages: { "node_modules/@scope/server-files": { version: "2026.9.1" } } });
const asked: Observation = { ...UNPINNED, id: "mcp-server-unpinned:claude-code/filesystem" };

test.each<[string, Files, string]>([
  ["package.json", { "workspace/package.json": MANIFEST }, "2026.8.31"],
  [
    "the lock file before package.json",
    { "workspace/package.json": MANIFEST, "workspace/package-lock.json": LOCK },
    "2026.9.1",
  ],
])("pin-version takes the version from %s", async (_, files, version) => {
  for (const place of ["workspace/.mcp.json", "home/.claude.json"]) {
    const change = onlyChange(await plan("mcp.pin-version", { ...files, [place]: MCP }, asked));
    expect(change.after).toBe(MCP.replace("server-files", `server-files@${version}`));
  }
});

test.each<[string, Files]>([
  ["no version is named", { "workspace/.mcp.json": MCP }],
  [
    "only a range is named",
    { "workspace/.mcp.json": MCP, "workspace/package.json": '{"dependencies":{"@scope/server-files":"^2.0.0"}}' },
  ],
  [
    "it is pinned already",
    { "workspace/.mcp.json": MCP.replace("server-files", "server-files@1.2.3"), "workspace/package.json": MANIFEST },
  ],
  [
    "another server is meant",
    {
      "workspace/.mcp.json": MCP.replace('"filesystem"', '"other"').replace("server-files", "server-other"),
      "workspace/package.json": MANIFEST,
    },
  ],
  [
    "the command is no package runner",
    { "workspace/.mcp.json": MCP.replace("npx", "node"), "workspace/package.json": MANIFEST },
  ],
  ["there is no configuration", { "workspace/package.json": MANIFEST }],
  ["the configuration is not JSON", { "workspace/.mcp.json": "{", "workspace/package.json": MANIFEST }],
])("pin-version does not apply when %s, and says why", async (_, files) => {
  const planned = await plan("mcp.pin-version", files, asked);
  expect(planned.status === "not-applicable" && planned.reason.length > 0).toBe(true);
});

test.each([
  ['model = "x"\nsandbox_mode = "danger-full-access"\n', 'model = "x"\nsandbox_mode = "workspace-write"\n'],
  ["sandbox_mode='danger-full-access' # for now", 'sandbox_mode="workspace-write" # for now'],
  [
    'sandbox_mode = "read-only"\n[profiles.wild]\nsandbox_mode = "danger-full-access"\n',
    'sandbox_mode = "read-only"\n[profiles.wild]\nsandbox_mode = "workspace-write"\n',
  ],
])("set-sandbox-mode confines %j", async (before, after) => {
  expect(
    onlyChange(await plan("codex.set-sandbox-mode", { "home/.codex/config.toml": before }, sandboxOff)).after,
  ).toBe(after);
});

test.each([
  [
    "the text stands inside another string",
    'note = """\nsandbox_mode = "danger-full-access"\n"""\nsandbox_mode = "danger-full-access"\n',
  ],
  ["the file is not TOML", 'sandbox_mode = "danger-full-access"\n= ='],
  ["it is confined already", 'sandbox_mode = "workspace-write"\n'],
])("set-sandbox-mode does not apply when %s", async (_, text) => {
  expect(await plan("codex.set-sandbox-mode", { "home/.codex/config.toml": text }, sandboxOff)).toMatchObject({
    status: "not-applicable",
  });
});

test.each<[string, string]>([
  ["not JSON", "{ nonsense"],
  ["a byte-order mark first", `\ufeff${DEVCONTAINER}`],
  ["a NUL inside", `${DEVCONTAINER}\u0000`],
  ["no mount of that kind", '{ "mounts": [] }'],
  ["mounts of another shape", '{ "mounts": "source=/var/run/docker.sock", "runArgs": [1, null] }'],
  ["larger than any handwriting", `${DEVCONTAINER}${" ".repeat(1024 * 1024)}`],
])("a devcontainer.json with %s is left alone, with a reason", async (_, text) => {
  const planned = await plan("devcontainer.remove-mount", { [PLACE]: text }, SOCKET);
  expect(planned.status === "not-applicable" && planned.reason.length > 0).toBe(true);
});

test("a file that is reached through a link is not planned for", async () => {
  using elsewhere = cloneWith({ "workspace/devcontainer.json": DEVCONTAINER });
  using clone = cloneWith({});
  symlinkSync(elsewhere.workspace, join(clone.workspace, ".devcontainer"));
  const mitigation = MITIGATIONS.find((m) => m.id === "devcontainer.remove-mount");
  const [finding] = findingsOf([SOCKET]);
  if (mitigation === undefined || finding === undefined) throw new Error("none");
  expect(await mitigation.plan(clone, finding)).toMatchObject({
    status: "not-applicable",
    reason: expect.stringContaining("link"),
  });
});
