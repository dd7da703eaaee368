import { posix } from "node:path";
import { volumeOf } from "../declared/mounts.ts";
import { type AuditCheck, type AuditInput, type AuditRow, isSettingsFile, unreadRows } from "./check.ts";

/** A server that is given the whole machine or a whole home as its directory, by an argument or a mount. */
export const mcpServerBroadRoot: AuditCheck = {
  check: "mcp-server-broad-root",
  category: "tool-plane",
  async run(input) {
    const rows = input.discovered.mcpServers
      .filter((server) => server.transport === "stdio")
      .map((server): AuditRow => {
        const base = {
          instance: `${server.agent}/${server.name}`,
          subject: `directories of MCP server ${server.name}`,
        };
        const at = `${server.file}#${server.place}`;
        const broad = server.args.flatMap(directoriesIn).find((directory) => isBroad(directory, input));
        return broad === undefined
          ? { ...base, verdict: "absent", detail: `${at} is given no whole home or machine` }
          : { ...base, verdict: "reachable", access: ["read", "write"], detail: `${at} is given ${broad}` };
      });
    return [...rows, ...unreadRows(input.discovered, isSettingsFile)];
  },
};

/** Paths in one argument: itself, the value of a flag, the source of a container's mount. */
function directoriesIn(arg: string): string[] {
  const value = arg.replace(/^--?[\w-]+=/, "");
  const source = /(?:^|,)(?:source|src)=([^,]+)/.exec(value)?.[1];
  if (source !== undefined) return [source];
  const volume = value.includes(":/") ? volumeOf(value)?.source : undefined;
  return [volume ?? value];
}

const WHOLE = new Set(["/", "/home", "/Users", "/root", "/etc", "/var", "/mnt", "/workspaces", "C:/", "C:/Users"]);

function isBroad(directory: string, { reader, declared }: AuditInput): boolean {
  if (/^(~|\$HOME|\$\{(env:|localEnv:)?HOME\}|\$\{userHome\}|%USERPROFILE%)\/?$/.test(directory)) return true;
  const path = directory.replaceAll("\\", "/");
  if (!/^(\/|[A-Z]:\/)/.test(path)) return false;
  const whole = posix.normalize(path).replace(/(?<=.)\/$/, "");
  if (WHOLE.has(whole) || WHOLE.has(`${whole}/`) || /^\/(home|Users)\/[^/]+$/.test(whole)) return true;
  return [reader.roots.home, declared.homePath].some((home) => home === whole || home.startsWith(`${whole}/`));
}
