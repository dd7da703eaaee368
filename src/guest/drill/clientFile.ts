import { z } from "zod";

/** What is used of a client's file that lists MCP servers; entries other than the one asked for may be of any form. */
export const ClientFile = z.object({ mcpServers: z.record(z.string(), z.unknown()).default({}) });

export const Entry = z.object({
  command: z.string(),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).optional(),
});
