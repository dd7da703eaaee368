import { type AuditCheck, type AuditRow, isSettingsFile, unreadRows } from "./check.ts";

/** A server that is spoken to without TLS over a network: whoever is on the way reads and writes what the agent does. */
export const mcpRemotePlaintext: AuditCheck = {
  check: "mcp-remote-plaintext",
  category: "network",
  async run({ discovered }) {
    const rows = discovered.mcpServers.flatMap((server): AuditRow[] => {
      // mcp-remote and its like carry a remote server over standard input and output.
      const carried = server.args.find((arg) => /^(https?|wss?):\/\//.test(arg));
      const address = server.url ?? (server.args.some((arg) => arg.includes("mcp-remote")) ? carried : undefined);
      if (address === undefined) return [];
      const base = { instance: `${server.agent}/${server.name}`, subject: `the way to MCP server ${server.name}` };
      return [{ ...base, ...judge(address, `${server.file}#${server.place}`) }];
    });
    return [...rows, ...unreadRows(discovered, isSettingsFile)];
  },
};

function judge(address: string, at: string): Pick<AuditRow, "verdict" | "access" | "detail"> {
  if (/^(https|wss):\/\//i.test(address)) return { verdict: "absent", detail: `${at} is spoken to over TLS` };
  if (!URL.canParse(address))
    return { verdict: "not-measured", detail: `${at}: its address is no URL that can be read here` };
  const { protocol, hostname } = new URL(address);
  if (/^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)) {
    return { verdict: "absent", detail: `${at} does not leave the machine` };
  }
  if (hostname.includes("$") || hostname === "") {
    return { verdict: "not-measured", detail: `${at}: its host is a variable` };
  }
  return {
    verdict: "reachable",
    access: ["connect"],
    detail: `${at} is spoken to over ${protocol.slice(0, -1)} at ${hostname}`,
  };
}
