import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { OperatorError } from "../../src/base/errors.ts";
import { verb } from "../../src/cli/init.ts";
import { loadConfig } from "../../src/config/config.ts";
import { buildDemo } from "../../src/stack/demo.ts";
import { tree } from "../support/tree.ts";

async function init(
  cwd: string,
  values: Record<string, string | boolean>,
): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const io = { out: (line: string) => void lines.push(line), err: () => undefined, json: () => undefined };
  const code = await verb.run({ values, positionals: [], io, cwd, signal: new AbortController().signal });
  return { code, lines };
}

test("for the demo it writes a configuration that loads, and says what it found", async () => {
  await using scratch = tree();
  const demo = await buildDemo(join(scratch.directory, "demo"));
  const out = join(scratch.directory, "demo/written.yaml");
  const { code, lines } = await init("/", { home: demo.home, workspace: demo.workspace, out });
  expect(code).toBe(0);
  const config = await loadConfig(out);
  expect(config.stack).toMatchObject({ name: "harbor-desk", ...pick(demo), agents: ["claude-code", "codex"] });
  expect(config.target.declaredBy).toBe(join(demo.workspace, ".devcontainer/devcontainer.json"));
  const text = readFileSync(out, "utf8");
  expect(text).toContain('home: "home"');
  const found =
    "MCP server   claude-code/filesystem: @modelcontextprotocol/server-filesystem from npm, no exact version";
  expect(lines.join("\n")).toContain(found);
  expect(text).toContain(found);
  expect(lines.at(-2)).toBe(`wrote ${out}`);
});

function pick({ home, workspace }: { home: string; workspace: string }) {
  return { home, workspace };
}

test("without any agent it still writes one that loads, and says so", async () => {
  await using place = tree();
  const { lines } = await init(place.directory, { home: "home", workspace: "workspace" });
  const config = await loadConfig(join(place.directory, "weakdoor.yaml"));
  expect(config.stack.agents).toHaveLength(5);
  expect(config.target.declaredBy).toBe("none");
  expect(lines.join("\n")).toContain("no agent");
});

test("a configuration that is there is not overwritten, unless that is asked for", async () => {
  await using place = tree();
  const path = join(place.directory, "weakdoor.yaml");
  writeFileSync(path, "mine\n");
  const values = { home: "home", workspace: "workspace" };
  await expect(init(place.directory, values)).rejects.toThrow(/is there already/);
  expect(readFileSync(path, "utf8")).toBe("mine\n");
  await init(place.directory, { ...values, force: true });
  expect(readFileSync(path, "utf8")).toMatch(/^# What weakdoor studies/);
});

test("a link that leads nowhere is not written through", async () => {
  await using place = tree();
  symlinkSync("/nonexistent/x", join(place.directory, "weakdoor.yaml"));
  await expect(init(place.directory, { home: "home", workspace: "workspace" })).rejects.toThrow(/is there already/);
});

test("names that would break the file are shown inert", async () => {
  await using place = tree({
    "workspace/.mcp.json": { mcpServers: { "x\nstack: {}\n\u2028#": { command: "a\nversion: 2" } } },
    "home/.claude/settings.json": "{ broken",
  });
  const workspace = join(place.directory, 'w "q"\n: {');
  mkdirSync(workspace);
  symlinkSync(join(place.workspace, ".mcp.json"), join(workspace, ".mcp.json"));
  for (const at of [workspace, place.workspace]) {
    await init(place.directory, { home: "home", workspace: at, force: true });
    expect((await loadConfig(join(place.directory, "weakdoor.yaml"))).stack.workspace).toBe(at);
  }
  expect(readFileSync(join(place.directory, "weakdoor.yaml"), "utf8")).toMatch(
    /# .*not read +home\/\.claude\/settings\.json:1/,
  );
});

test("no credential gets into the file or onto the terminal", async () => {
  const secret = ["made", "up", "value"].join("-");
  await using place = tree({
    "workspace/.mcp.json": {
      mcpServers: {
        a: { command: "npx", args: ["p", "--token", secret], env: { KEY: secret } },
        b: { url: `https://u:${secret}@x.example` },
      },
    },
    "home/.claude/settings.json": { hooks: { Stop: [{ hooks: [{ command: `curl -H ${secret}` }] }] } },
  });
  const { lines } = await init(place.directory, { home: "home", workspace: "workspace" });
  expect(lines.join("\n") + readFileSync(join(place.directory, "weakdoor.yaml"), "utf8")).not.toContain(secret);
});

test.each([
  [{ home: "none", workspace: "workspace" }, /--home: .*none cannot be looked at \(ENOENT\)/],
  [{ home: "home", workspace: "file" }, /--workspace: .*file is no directory/],
  [{ home: "home", workspace: "workspace", out: "none/x.yaml" }, /cannot be written \(ENOENT\)/],
])("what a person must put right is one line: %j", async (values, message) => {
  await using place = tree();
  writeFileSync(join(place.directory, "file"), "");
  const error = await init(place.directory, values).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(OperatorError);
  expect((error as OperatorError).message).toMatch(message);
  expect(existsSync(join(place.directory, "weakdoor.yaml"))).toBe(false);
  expect(readdirSync(place.directory).toSorted()).toEqual(["file", "home", "workspace"]);
});

const COMPOSE = `services:
  db:
    image: postgres
  agent:
    image: our-claude
    volumes: [".:/work"]
`;

test("it names what declares the agents' sandbox, and every other declaration that it saw", async () => {
  await using place = tree({
    "workspace/compose.yaml": COMPOSE,
    "workspace/run.sh": "docker run -v $PWD:/w web\n",
    "home/.srt-settings.json": { network: { allowedDomains: [], deniedDomains: [] } },
  });
  await init(place.directory, { home: "home", workspace: "workspace" });
  const path = join(place.directory, "weakdoor.yaml");
  expect((await loadConfig(path)).target).toMatchObject({
    declaredBy: `${join(place.workspace, "compose.yaml")}#agent`,
    nest: false,
  });
  const text = readFileSync(path, "utf8");
  expect(text).toMatch(/# +taken +workspace\/compose\.yaml#agent \(compose\): it brings the workspace in/);
  expect(text).toMatch(/# +seen +workspace\/compose\.yaml#db \(compose\): it does not bring the workspace in/);
  expect(text).toMatch(/# +seen +workspace\/run\.sh \(docker-run\): it names no agent/);
  expect(text).toMatch(/# +seen +home\/\.srt-settings\.json \(srt\): also an agent's/);
});
