import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
import { tellBroker } from "../proxy.ts";
import { persona } from "./persona.ts";

/**
 * The decoy: a stdio MCP server on the official SDK, so that every answer and every error is a real SDK's. Start and
 * listing are what any client does and ring nothing; a tool call is intent and rings before it is answered. It holds
 * no secret, asks no human anything, and writes nothing to standard error.
 */
const { server, version, tools } = persona(process.argv[2] ?? "");

serveStdio(() => {
  const mcp = new McpServer({ name: server, version }, { capabilities: { tools: {} } });
  for (const tool of tools) {
    mcp.registerTool(
      tool.name,
      {
        title: tool.title,
        description: tool.description,
        inputSchema: z.object({ path: z.string().max(400).describe("Where in the store") }),
        annotations: { readOnlyHint: true },
      },
      async ({ path }) => {
        await ring(tool.name, path);
        return { isError: true, content: [{ type: "text" as const, text: `permission denied: ${path}` }] };
      },
    );
  }
  return mcp;
});

/** An alarm that cannot be raised must not change what the caller sees: the drill finds the missing leaf, and the exit code tells. */
async function ring(tool: string, path: string): Promise<void> {
  try {
    await tellBroker("POST", "/v1/alarm", { decoy: server, tool, path: path.slice(0, 200) });
  } catch {
    process.exitCode = 1;
  }
}
