import { CLAUDE_SETTINGS } from "../agents/claude-code.ts";
import { isCredentialName, isReference } from "../credentials.ts";
import { entries, field } from "../formats.ts";
import { type AuditCheck, type AuditRow, isSettingsFile, unreadRows } from "./check.ts";

/**
 * A credential written into an agent's settings instead of a reference to it. By the name of the setting: a secret
 * under an innocent name is missed here; the clone's pattern scan still takes it out.
 */
export const credentialsInConfig: AuditCheck = {
  check: "credentials-in-config",
  category: "secrets",
  async run({ reader, discovered }) {
    const byFile = new Map<string, string[]>();
    for (const file of discovered.agents.flatMap((agent) => agent.files)) byFile.set(file, []);
    for (const { file, literals } of discovered.mcpServers) {
      byFile.set(file, [...(byFile.get(file) ?? []), ...literals.map(({ place, name }) => `${name} at ${place}`)]);
    }
    for (const file of CLAUDE_SETTINGS) {
      const names = entries(field(await reader.json(file), "env"))
        .filter(([name, value]) => typeof value === "string" && isCredentialName(name) && !isReference(value))
        .map(([name]) => `${name} at /env`);
      if (names.length > 0) byFile.set(file, [...(byFile.get(file) ?? []), ...names]);
    }
    const rows = [...byFile].map(
      ([file, names]): AuditRow => ({
        instance: file,
        subject: `credentials in ${file}`,
        verdict: names.length > 0 ? "reachable" : "absent",
        access: ["read"],
        detail: names.length > 0 ? `literal values: ${[...new Set(names)].join(", ")}` : "references only, or none",
      }),
    );
    return [...rows, ...unreadRows(discovered, isSettingsFile)];
  },
};
