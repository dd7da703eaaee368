import { type AuditCheck, type AuditRow, isSettingsFile, unreadRows } from "./check.ts";

/** A Gemini CLI server with `trust: true` runs every tool without a question. */
export const geminiTrust: AuditCheck = {
  check: "gemini-trust",
  category: "tool-plane",
  async run({ discovered }) {
    const rows = discovered.mcpServers
      .filter((server) => server.agent === "gemini-cli")
      .map(
        ({ name, file, place, isTrusted }): AuditRow => ({
          instance: name,
          subject: `Gemini CLI asks before it uses ${name}`,
          verdict: isTrusted ? "reachable" : "absent",
          detail: isTrusted ? `trust is true at ${file}#${place}` : `trust is not set at ${file}#${place}`,
        }),
      );
    return [...rows, ...unreadRows(discovered, (file) => isSettingsFile(file) && file.includes("/.gemini/"))];
  },
};
