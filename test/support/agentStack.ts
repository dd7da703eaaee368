import { chmodSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { exec } from "../../src/base/exec.ts";
import { type Tree, tree } from "./tree.ts";

/** Installed by the project's own set-up for the tests, and for nothing else. */
const AGENTS = join(import.meta.dirname, "../agents/node_modules");
const CLAUDE = join(AGENTS, "@anthropic-ai/claude-code/bin/claude.exe");
const CODEX = join(AGENTS, "@openai/codex/bin/codex.js");

export type AgentStack = Tree & {
  /** Of no service, as a person would hand them to the agents' own commands. */
  credentials: string[];
  /** `claude mcp add …` once more. */
  claude(...args: string[]): Promise<void>;
};

/**
 * A home and a workspace whose configuration real Claude Code and Codex wrote themselves: three MCP servers of the one,
 * one in each of its scopes, and two of the other. They run without any network, so no packet of theirs leaves.
 */
export async function agentStack(): Promise<AgentStack> {
  const place = tree({
    "workspace/CLAUDE.md": "# Board\nBe brief.\n",
    "workspace/tools/tickets.mjs": "export {};\n",
  });
  chmodSync(place.home, 0o700);
  const credentials = ["ticket", "board", "search"].map((name) => `${name}-${"q7w3".repeat(5)}-${name.length}`);
  const [ticket = "", board = "", search = ""] = credentials;
  const claude = (...args: string[]) => run(place, [CLAUDE, "mcp", "add", ...args]);
  const codex = (...args: string[]) => run(place, [process.execPath, CODEX, "mcp", "add", ...args]);
  await claude("-s", "user", "files", "--", "npx", "-y", "@modelcontextprotocol/server-filesystem", "/workspace");
  await claude("-s", "project", "tickets", "-e", `TICKET_TOKEN=${ticket}`, "--", "node", "tools/tickets.mjs");
  const header = `Authorization: Bearer ${board}`;
  await claude("-s", "local", "--transport", "http", "board", "https://board.example/mcp", "--header", header);
  await codex("search", "--env", `SEARCH_API_KEY=${search}`, "--", "uvx", "search-server");
  await codex("wiki", "--url", "https://wiki.example/mcp");
  return { ...place, credentials, claude };
}

/** Without a network: a namespace of its own, in which there is not even loopback. Throws what the agent said when it fails. */
async function run({ home, workspace }: Tree, argv: readonly string[]): Promise<void> {
  const ended = await exec(["unshare", "-n", ...argv], {
    cwd: workspace,
    env: {
      HOME: home,
      PATH: [dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter),
      DISABLE_TELEMETRY: "1",
      DISABLE_AUTOUPDATER: "1",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    },
    timeoutMs: 60_000,
  });
  if (ended.code !== 0) throw new Error(`${argv.join(" ")} ended with ${ended.code}: ${ended.stderr}${ended.stdout}`);
}
