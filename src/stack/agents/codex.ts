import { field, pointer, textsOf } from "../formats.ts";
import { type AgentReader, instructionsIn, mcpServersOf, present } from "./agent.ts";

/** Codex reads the workspace's file only for a project that the user trusts; both are looked at. */
export const CODEX_CONFIGS = ["home/.codex/config.toml", "workspace/.codex/config.toml"] as const;

/** Codex: TOML with `[mcp_servers.NAME]`, profile overlays beside it, `notify` as its one hook. */
export const codex: AgentReader = {
  kind: "codex",
  async read(reader) {
    const profiles = (await reader.list("home/.codex"))
      .filter((entry) => !entry.isDirectory && entry.name.endsWith(".config.toml"))
      .map((entry) => `home/.codex/${entry.name}`);
    const plugins = await reader.walk("home/.codex/plugins", (file) => file.endsWith("/.mcp.json"));
    const configs = [...CODEX_CONFIGS, ...profiles];
    const mcpServers = [];
    const hooks = [];
    for (const file of configs) {
      mcpServers.push(...(await mcpServersOf(reader, "codex", file, ["mcp_servers"])));
      const notify = textsOf(field(await reader.toml(file), "notify"));
      if (notify.length > 0) {
        hooks.push({
          agent: "codex" as const,
          file,
          place: pointer("notify"),
          event: "notify",
          command: notify.join(" "),
        });
      }
    }
    for (const plugin of plugins) mcpServers.push(...(await mcpServersOf(reader, "codex", plugin, ["mcpServers"])));
    const own = await present(reader, ["home/.codex/AGENTS.md", "home/.codex/AGENTS.override.md"]);
    const instructions = [
      ...own.map((file) => ({ file, kind: "instructions" as const })),
      ...(await instructionsIn(reader, "home/.codex/skills", "skill")),
      ...(await instructionsIn(reader, "home/.codex/prompts", "command")),
    ];
    return { files: await present(reader, [...configs, ...plugins]), mcpServers, hooks, instructions };
  },
};
