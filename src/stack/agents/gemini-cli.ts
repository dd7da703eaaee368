import { field } from "../formats.ts";
import { type AgentReader, hooksIn, instructionsIn, mcpServersOf, present } from "./agent.ts";

const GEMINI_SETTINGS = ["home/.gemini/settings.json", "workspace/.gemini/settings.json"] as const;

/** Gemini CLI: `mcpServers` in its settings and in each extension; `trust: true` skips every question for a server. */
export const geminiCli: AgentReader = {
  kind: "gemini-cli",
  async read(reader) {
    const extensions = await reader.walk("home/.gemini/extensions", (file) =>
      file.endsWith("/gemini-extension.json"),
    );
    const files = await present(reader, [...GEMINI_SETTINGS, ...extensions]);
    const mcpServers = [];
    const hooks = [];
    for (const file of files) {
      mcpServers.push(...(await mcpServersOf(reader, "gemini-cli", file, ["mcpServers"])));
      hooks.push(...hooksIn("gemini-cli", file, field(await reader.json(file), "hooks")));
    }
    const own = await present(reader, ["home/.gemini/GEMINI.md"]);
    const instructions = [
      ...own.map((file) => ({ file, kind: "instructions" as const })),
      ...(await instructionsIn(reader, "home/.gemini/agents", "sub-agent")),
      ...(await instructionsIn(reader, "workspace/.gemini/agents", "sub-agent")),
    ];
    return { files, mcpServers, hooks, instructions };
  },
};
