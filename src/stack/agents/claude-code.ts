import { entries, field } from "../formats.ts";
import { type AgentReader, hooksIn, instructionsIn, mcpServersOf, present } from "./agent.ts";

/** Settings, weakest last: what a file allows, a later one can only narrow by an explicit deny. */
export const CLAUDE_SETTINGS = [
  "home/.claude/settings.json",
  "home/.claude/settings.local.json",
  "workspace/.claude/settings.json",
  "workspace/.claude/settings.local.json",
] as const;

/**
 * Claude Code: user servers at the top of `~/.claude.json`, local ones under `projects["<path>"]`, project ones in
 * `.mcp.json`, plugins' own `.mcp.json`. Managed settings in /etc are no part of a stack and are not read.
 */
export const claudeCode: AgentReader = {
  kind: "claude-code",
  async read(reader, names) {
    const user = "home/.claude.json";
    const plugins = await reader.walk("home/.claude/plugins", (file) => file.endsWith("/.mcp.json"));
    const files = await present(reader, [user, "workspace/.mcp.json", ...CLAUDE_SETTINGS, ...plugins]);
    const mcpServers = [
      ...(await mcpServersOf(reader, "claude-code", user, ["mcpServers"])),
      ...(await mcpServersOf(reader, "claude-code", "workspace/.mcp.json", ["mcpServers"])),
    ];
    const projects = field(await reader.json(user), "projects");
    for (const [path] of entries(projects)) {
      if (!names.includes(path)) continue;
      mcpServers.push(...(await mcpServersOf(reader, "claude-code", user, ["projects", path, "mcpServers"])));
    }
    for (const plugin of plugins) {
      const isWrapped = field(await reader.json(plugin), "mcpServers") !== undefined;
      mcpServers.push(...(await mcpServersOf(reader, "claude-code", plugin, isWrapped ? ["mcpServers"] : [])));
    }
    const hooks = [];
    for (const file of CLAUDE_SETTINGS) {
      hooks.push(...hooksIn("claude-code", file, field(await reader.json(file), "hooks")));
    }
    const instructions = [];
    for (const root of ["home", "workspace"]) {
      instructions.push(
        ...(await instructionsIn(reader, `${root}/.claude/skills`, "skill")),
        ...(await instructionsIn(reader, `${root}/.claude/commands`, "command")),
        ...(await instructionsIn(reader, `${root}/.claude/agents`, "sub-agent")),
      );
    }
    const own = await present(reader, ["home/.claude/CLAUDE.md"]);
    return { files, mcpServers, hooks, instructions: [...instructions, ...own.map(asInstructions)] };
  },
};

function asInstructions(file: string) {
  return { file, kind: "instructions" as const };
}
