import { type AgentReader, instructionsIn, mcpServersOf, present } from "./agent.ts";

/** `servers` is the key of VS Code's own files; Copilot's use `mcpServers`, user settings of old `mcp.servers`. */
const SERVERS: readonly (readonly [file: string, path: string[]])[] = [
  ["home/.config/Code/User/mcp.json", ["servers"]],
  ["home/.config/Code - Insiders/User/mcp.json", ["servers"]],
  ["home/.vscode-server/data/User/mcp.json", ["servers"]],
  ["home/.copilot/mcp-config.json", ["mcpServers"]],
  ["workspace/.vscode/mcp.json", ["servers"]],
  ["home/.config/Code/User/settings.json", ["mcp", "servers"]],
  ["workspace/.vscode/settings.json", ["mcp", "servers"]],
];

/** VS Code with Copilot, on Linux. Profiles and `.code-workspace` files are not read. */
export const vscode: AgentReader = {
  kind: "vscode",
  async read(reader) {
    const mcpServers = [];
    for (const [file, path] of SERVERS) mcpServers.push(...(await mcpServersOf(reader, "vscode", file, path)));
    const own = await present(reader, ["workspace/.github/copilot-instructions.md"]);
    const instructions = [
      ...own.map((file) => ({ file, kind: "instructions" as const })),
      ...(await instructionsIn(reader, "workspace/.github/instructions", "instructions")),
    ];
    return {
      files: await present(
        reader,
        SERVERS.map(([file]) => file),
      ),
      mcpServers,
      hooks: [],
      instructions,
    };
  },
};
