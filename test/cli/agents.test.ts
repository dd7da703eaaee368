import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { fakeMaker } from "../../src/canaries/fakes.ts";
import { recogniser } from "../../src/canaries/recogniser.ts";
import { verb } from "../../src/cli/init.ts";
import { type Config, loadConfig } from "../../src/config/config.ts";
import { auditStack } from "../../src/stack/audit/audit.ts";
import { cloneStack } from "../../src/stack/clone.ts";
import { readDeclared } from "../../src/stack/declared.ts";
import { discover } from "../../src/stack/discover.ts";
import { takeSnapshot } from "../../src/stack/snapshot.ts";
import type { Clone } from "../../src/stack/stack.ts";
import { type AgentStack, agentStack } from "../support/agentStack.ts";
import { runVerb } from "../support/io.ts";

/** Real Claude Code and Codex write their own files, and weakdoor reads what is there and not what we think is. */

const SERVERS = ["claude-code/board", "claude-code/files", "claude-code/tickets", "codex/search", "codex/wiki"];
const never = new AbortController().signal;

let stack: AgentStack;
let config: Config;
let out: string[];
let clone: Clone;
const fakes = fakeMaker({ masterKey: Buffer.alloc(32, 7), cycle: "c1", clock: systemClock });

beforeAll(async () => {
  stack = await agentStack();
  const path = join(stack.directory, "weakdoor.yaml");
  const ran = await runVerb(verb, [], { home: stack.home, workspace: stack.workspace, out: path });
  if (ran.code !== 0) throw new Error(`init ended with ${ran.code}: ${ran.err.join()}`);
  out = ran.out;
  config = await loadConfig(path);
  clone = await cloneStack(config.stack, { out: join(stack.directory, "clone"), fakes, cycle: "c1", signal: never });
});
afterAll(() => stack[Symbol.asyncDispose]());

test("the agents themselves wrote the files: one of a home, one of a workspace, one of another agent", () => {
  expect(existsSync(join(stack.home, ".claude.json"))).toBe(true);
  expect(existsSync(join(stack.workspace, ".mcp.json"))).toBe(true);
  expect(readFileSync(join(stack.home, ".codex/config.toml"), "utf8")).toContain("[mcp_servers.search]");
  const written = [".claude.json", ".codex/config.toml"].map((file) => readFileSync(join(stack.home, file), "utf8"));
  const all = [...written, readFileSync(join(stack.workspace, ".mcp.json"), "utf8")].join();
  for (const credential of stack.credentials) expect(all).toContain(credential);
});

test("init writes a weakdoor.yaml that loads, and lists every server of every scope and no credential", () => {
  expect(config.stack).toMatchObject({
    home: stack.home,
    workspace: stack.workspace,
    agents: ["claude-code", "codex"],
  });
  const text = readFileSync(join(stack.directory, "weakdoor.yaml"), "utf8");
  for (const said of [out.join("\n"), text]) {
    const names = [...said.matchAll(/MCP server\s+([^:\s]+):/g)].map(([, name = ""]) => name);
    expect(new Set(names)).toEqual(new Set(SERVERS));
    expect(names).toHaveLength(SERVERS.length);
    for (const credential of stack.credentials) expect(said).not.toContain(credential);
  }
  expect(out.join("\n")).not.toMatch(/not read/);
});

test("the clone holds every server, and no value that was handed to the agents, in any file", async () => {
  const found = await discover(clone, { workspaceNames: [stack.workspace] });
  expect(found.problems).toEqual([]);
  expect(found.mcpServers.map(({ agent, name }) => `${agent}/${name}`).toSorted()).toEqual(SERVERS);
  const bytes = Buffer.concat(filesBelow(clone.root).map((file) => readFileSync(file)));
  for (const credential of stack.credentials) {
    expect(bytes.includes(credential)).toBe(false);
    expect(bytes.includes(Buffer.from(credential).toString("base64"))).toBe(false);
  }
  const places = clone.replaced.map(({ file }) => file);
  expect(places).toEqual(
    expect.arrayContaining(["home/.claude.json", "home/.codex/config.toml", "workspace/.mcp.json"]),
  );
  const sighted = recogniser(fakes.all()).search(bytes);
  expect(new Set(sighted.map(({ file }) => file))).toEqual(new Set(places));
});

test("the clone is audited to the end, and the server without a version is seen", async () => {
  const found = await discover(clone, { workspaceNames: [stack.workspace] });
  const declared = await readDeclared(clone, config.target.declaredBy, stack);
  const { observations, checks } = await auditStack(clone, found, declared);
  expect(checks.filter(({ status }) => status === "failed")).toEqual([]);
  expect(checks.filter(({ status }) => status === "ran").length).toBeGreaterThan(3);
  const unpinned = observations.filter(({ id, verdict }) => /unpinned/.test(id) && verdict === "reachable");
  expect(unpinned.map(({ id }) => id).join()).toContain("files");
});

test("a snapshot of it knows both agents, and a server that is added later changes it", async () => {
  const before = await takeSnapshot(config.stack, await discover(stack));
  expect(before.agents.map(({ kind }) => kind)).toEqual(["claude-code", "codex"]);
  expect((await takeSnapshot(config.stack, await discover(stack))).hash).toBe(before.hash);
  await stack.claude("-s", "project", "late", "--", "node", "late.mjs");
  expect((await takeSnapshot(config.stack, await discover(stack))).hash).not.toBe(before.hash);
});

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
