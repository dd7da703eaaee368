import { isDeepStrictEqual } from "node:util";
import { parse, TomlError, type TomlTable } from "smol-toml";
import { apply, type Edit } from "../edit.ts";
import { planOf, readText, type Text } from "../files.ts";
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
    const edited: { file: Text & { status: "read" }; edits: Edit[] }[] = [];
    const reasons: string[] = [];
    for (const root of ["home", "workspace"] as const) {
      const file = await readText(clone, root, ".codex/config.toml");
      if (file.status === "unfit") {
        reasons.push(file.reason);
        continue;
      }
      const edits = confining(file.text);
      if (typeof edits === "string") reasons.push(`${root}/.codex/config.toml: ${edits}`);
      else edited.push({ file, edits });
    }
    return edited.length === 0 ? notApplicable(reasons.join("; ")) : planOf(edited);
  },
};

/** The edits that confine, or why there are none. */
function confining(text: string): Edit[] | string {
  const before = tableOf(text);
  if (before === undefined) return "it is not TOML";
  const edits = [...text.matchAll(LINE)].map((match): Edit => {
    const start = match.index + (match[1]?.length ?? 0);
    return { start, end: match.index + match[0].length, text: '"workspace-write"' };
  });
  if (edits.length === 0) return "no sandbox_mode of danger-full-access on a line of its own";
  const after = tableOf(apply(text, edits));
  return after !== undefined && isDeepStrictEqual(after, confined(before))
    ? edits
    : "the change would alter more than sandbox_mode";
}

const LINE = /^([ \t]*sandbox_mode[ \t]*=[ \t]*)(?:"danger-full-access"|'danger-full-access')/gm;

function tableOf(text: string): TomlTable | undefined {
  try {
    return parse(text);
  } catch (thrown) {
    if (thrown instanceof TomlError) return undefined;
    throw thrown;
  }
}

/** Confines a table that was just parsed, in place. */
function confined(table: TomlTable): TomlTable {
  const profiles = table["profiles"];
  for (const one of [table, ...(isTable(profiles) ? Object.values(profiles) : [])])
    if (isTable(one) && one["sandbox_mode"] === "danger-full-access") one["sandbox_mode"] = "workspace-write";
  return table;
}

function isTable(value: unknown): value is TomlTable {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
