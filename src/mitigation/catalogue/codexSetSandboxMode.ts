import { isDeepStrictEqual } from "node:util";
import { parse, TomlError, type TomlTable } from "smol-toml";
import type { Edit } from "../edit.ts";
import { planOf, readText } from "../files.ts";
import { type Mitigation, notApplicable } from "../mitigation.ts";

/**
 * Sets Codex's `sandbox_mode` from `danger-full-access` to `workspace-write`, in the file and in its profiles. Undone
 * by setting it back. The positions come from the lines; that nothing else changed comes from parsing both versions.
 */
export const codexSetSandboxMode: Mitigation = {
  id: "codex.set-sandbox-mode",
  title: "Let Codex confine its commands to the workspace",
  effects: [
    "takes effect when Codex is started again",
    "commands that write outside the workspace or need the network ask first, or fail where nobody can be asked",
  ],
  plan: async (clone) => {
    const file = await readText(clone, "home", ".codex/config.toml");
    if (file.status === "unfit") return notApplicable(file.reason);
    const before = tableOf(file.text);
    if (before === undefined) return notApplicable("home/.codex/config.toml is not TOML");
    const edits = [...file.text.matchAll(LINE)].map((match): Edit => {
      const start = match.index + (match[1]?.length ?? 0);
      return { start, end: match.index + match[0].length, text: '"workspace-write"' };
    });
    if (edits.length === 0) return notApplicable("no sandbox_mode of danger-full-access on a line of its own");
    const plan = planOf([{ file, edits }]);
    if (plan.status === "not-applicable") return plan;
    const after = tableOf(plan.changes[0].after);
    if (after === undefined || !isDeepStrictEqual(after, confined(before)))
      return notApplicable("the change would alter more than sandbox_mode");
    return plan;
  },
};

const LINE = /^([ \t]*sandbox_mode[ \t]*=[ \t]*)(?:"danger-full-access"|'danger-full-access')/gm;

function tableOf(text: string): TomlTable | undefined {
  try {
    return parse(text);
  } catch (thrown) {
    if (thrown instanceof TomlError) return undefined;
    throw thrown;
  }
}

function confined(table: TomlTable): TomlTable {
  const set = (t: TomlTable): TomlTable =>
    t["sandbox_mode"] === "danger-full-access" ? { ...t, sandbox_mode: "workspace-write" } : t;
  const profiles = table["profiles"];
  if (typeof profiles !== "object" || Array.isArray(profiles) || profiles instanceof Date) return set(table);
  const inside = Object.entries(profiles).map(([name, profile]) => [name, isTable(profile) ? set(profile) : profile]);
  return { ...set(table), profiles: Object.fromEntries(inside) };
}

function isTable(value: unknown): value is TomlTable {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
