import { field, textOf } from "../formats.ts";
import type { StackReader } from "../reader.ts";
import type { McpServer } from "../servers.ts";
import { type AuditCheck, type AuditRow, isSettingsFile, unreadRows } from "./check.ts";
import { type Launch, launchOf } from "./launch.ts";

/**
 * A server that is fetched each time it starts, without an exact version or digest, is whatever its publisher, or
 * whoever took the publisher's place, published last. An npm package that the workspace's lock file holds is pinned:
 * npx runs that one.
 */
export const mcpServerUnpinned: AuditCheck = {
  check: "mcp-server-unpinned",
  category: "tool-plane",
  async run({ reader, discovered }) {
    const rows: AuditRow[] = [];
    for (const server of discovered.mcpServers) {
      if (server.transport === "stdio") rows.push(await rowOf(reader, server, launchOf(server)));
    }
    return [...rows, ...unreadRows(discovered, isSettingsFile)];
  },
};

async function rowOf(reader: StackReader, server: McpServer, launch: Launch): Promise<AuditRow> {
  const base = {
    instance: `${server.agent}/${server.name}`,
    subject: `MCP server ${server.name} of ${server.agent}`,
  };
  const at = `${server.file}#${server.place}`;
  switch (launch.kind) {
    case "local":
      return { ...base, verdict: "absent", detail: `${at} starts ${launch.program}, which is there already` };
    case "unknown":
      return { ...base, verdict: "not-measured", detail: `${at}: ${launch.why}` };
    case "image":
      return launch.digest === undefined
        ? {
            ...base,
            verdict: "reachable",
            access: ["execute"],
            detail: `${at} runs image ${launch.reference} without a digest`,
          }
        : { ...base, verdict: "absent", detail: `${at} runs an image by its digest` };
    case "package": {
      if (launch.version !== undefined) {
        return { ...base, verdict: "absent", detail: `${at} runs ${launch.name} at ${launch.version}` };
      }
      const locked = launch.registry === "npm" ? await lockedVersion(reader, launch.name) : undefined;
      return locked === undefined
        ? {
            ...base,
            verdict: "reachable",
            access: ["execute"],
            detail: `${at} runs ${launch.name} without an exact version`,
          }
        : {
            ...base,
            verdict: "absent",
            detail: `${at} runs ${launch.name}, which the workspace's lock file holds at ${locked}`,
          };
    }
  }
}

async function lockedVersion(reader: StackReader, name: string): Promise<string | undefined> {
  const lock = await reader.json("workspace/package-lock.json");
  return textOf(field(lock, "packages", `node_modules/${name}`, "version"));
}
