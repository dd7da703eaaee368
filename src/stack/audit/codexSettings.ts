import { CODEX_CONFIGS } from "../agents/codex.ts";
import { entries, field, textOf } from "../formats.ts";
import type { AuditInput } from "./check.ts";

/** A setting of Codex, wherever it may stand: the user's file, the project's, a profile in either, a profile's own file. */
export type CodexSetting = { where: string; value: string };

/** Every place in which `key` is set, and why some could not be looked at. */
export async function codexSettings(
  { reader, discovered }: AuditInput,
  key: string,
): Promise<{ settings: CodexSetting[]; unread: string[] }> {
  const profiles = discovered.agents
    .filter((agent) => agent.kind === "codex")
    .flatMap((agent) => agent.files)
    .filter((file) => file.endsWith(".config.toml"));
  const settings: CodexSetting[] = [];
  for (const file of [...CODEX_CONFIGS, ...profiles]) {
    const content = await reader.toml(file);
    const own = textOf(field(content, key));
    if (own !== undefined) settings.push({ where: file, value: own });
    for (const [name, profile] of entries(field(content, "profiles"))) {
      const value = textOf(field(profile, key));
      if (value !== undefined) settings.push({ where: `${file} [profiles.${name}]`, value });
    }
  }
  const unread = [...discovered.problems, ...reader.problems]
    .filter(({ file }) => /\/\.codex(\/[^/]*config\.toml)?$/.test(file))
    .map(({ file, line, message }) => `${file}${line === null ? "" : `:${line}`}: ${message}`);
  return { settings, unread: [...new Set(unread)] };
}
