import { CLAUDE_SETTINGS } from "../agents/claude-code.ts";
import { entries, field, textsOf } from "../formats.ts";
import type { StackReader } from "../reader.ts";
import { unusable } from "./parsed.ts";
import type { SrtSettings } from "./srt.ts";

type Layer = { file: string; content: unknown };

/**
 * The `sandbox` block of Claude Code's settings (code.claude.com/docs/en/settings, /sandboxing): the same runtime as srt, set up
 * from the settings of the user, the project and the project's own user, the last one that says it winning for a switch, all of
 * them together for a list. Undefined when it is switched on nowhere. Managed settings are no part of a stack.
 */
export async function claudeSandbox(reader: StackReader): Promise<SrtSettings | undefined> {
  const layers: Layer[] = [];
  for (const file of CLAUDE_SETTINGS) {
    const content = await reader.json(file);
    if (content !== undefined) layers.push({ file, content });
    else if (reader.problems.some((problem) => problem.file === file)) throw unusable(reader, file, "cannot be read");
  }
  const enabled = layers.findLast(({ content }) => typeof field(content, "sandbox", "enabled") === "boolean");
  if (enabled === undefined || field(enabled.content, "sandbox", "enabled") !== true) return undefined;
  const notFollowed: SrtSettings["notFollowed"] = [
    {
      what: "tools without a shell",
      why: "Claude Code confines shell commands alone; its file tools and its MCP servers run outside of it",
    },
  ];
  return { declaredAt: `${enabled.file}#/sandbox`, content: settingsOf(layers, notFollowed), notFollowed };
}

function settingsOf(layers: readonly Layer[], notFollowed: SrtSettings["notFollowed"]): SrtSettings["content"] {
  const switched = (...path: string[]) =>
    layers.map(({ content }) => field(content, "sandbox", ...path)).findLast((value) => value !== undefined);
  const lists = (...path: string[]) => layers.flatMap(({ content }) => textsOf(field(content, "sandbox", ...path)));
  const paths = (key: string) =>
    layers.flatMap(({ file, content }) =>
      textsOf(field(content, "sandbox", "filesystem", key)).map((path) => settingsPath(path, file)),
    );
  const rules = (kind: "allow" | "deny", tool: string) =>
    layers.flatMap(({ file, content }) =>
      textsOf(field(content, "permissions", kind)).flatMap((rule) => {
        const inside = new RegExp(`^${tool}\\((.+)\\)$`).exec(rule)?.[1];
        return inside === undefined
          ? []
          : [tool === "WebFetch" ? inside.replace(/^domain:/, "") : rulePath(inside, file)];
      }),
    );
  const more = layers.flatMap(({ content }) => textsOf(field(content, "permissions", "additionalDirectories")));
  const known = new Set(
    "enabled network filesystem autoAllowBashIfSandboxed enableWeakerNestedSandbox ignoreViolations ripgrep".split(
      " ",
    ),
  );
  for (const { file, content } of layers)
    for (const [key] of entries(field(content, "sandbox")))
      if (!known.has(key))
        notFollowed.push({ what: `${file}#/sandbox/${key}`, why: WHY[key] ?? "no setting that is known here" });
  const network = Object.fromEntries(
    ["allowAllUnixSockets", "allowLocalBinding", "httpProxyPort", "socksProxyPort"].flatMap((key) => {
      const value = switched("network", key);
      return value === undefined ? [] : [[key, value] as const];
    }),
  );
  const weaker = switched("enableWeakerNestedSandbox");
  return {
    network: {
      ...network,
      allowedDomains: unique([...lists("network", "allowedDomains"), ...rules("allow", "WebFetch")]),
      deniedDomains: unique([...lists("network", "deniedDomains"), ...rules("deny", "WebFetch")]),
      allowUnixSockets: unique(lists("network", "allowUnixSockets")),
    },
    filesystem: {
      denyRead: unique([...paths("denyRead"), ...rules("deny", "Read")]),
      allowRead: unique(paths("allowRead")),
      // The project's directory is open by itself.
      allowWrite: unique([".", ...paths("allowWrite"), ...rules("allow", "Edit"), ...more]),
      denyWrite: unique([...paths("denyWrite"), ...rules("deny", "Edit")]),
    },
    ...(weaker === true ? { enableWeakerNestedSandbox: true } : {}),
  };
}

const WHY: Readonly<Record<string, string>> = {
  excludedCommands: "these commands run outside of the sandbox",
  allowUnsandboxedCommands: "a command that fails inside may be run outside of the sandbox",
};

/** `/x` and `~/x` are what they say; anything else begins at the project, or at `~/.claude` in a user's settings. */
function settingsPath(path: string, file: string): string {
  if (/^(\/|~)/.test(path)) return path.replace(/^\/\//, "/");
  return file.startsWith("home/") ? `~/.claude/${path.replace(/^\.\//, "")}` : path;
}

/** In a rule `//x` is absolute and `/x` begins where the settings lie. */
function rulePath(path: string, file: string): string {
  if (path.startsWith("//")) return path.slice(1);
  if (path.startsWith("/")) return file.startsWith("home/") ? `~/.claude${path}` : `.${path}`;
  return path;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

/** Is there a settings file of the runtime's own that says anything? */
export async function srtSettings(reader: StackReader, file: string): Promise<SrtSettings> {
  const content = await reader.json(file);
  if (typeof content !== "object" || content === null || Array.isArray(content))
    throw unusable(reader, file, "holds no settings of srt");
  const isOne = entries(content).some(([key]) => key === "network" || key === "filesystem");
  if (!isOne) throw unusable(reader, file, "holds neither network nor filesystem settings of srt");
  return { declaredAt: file, content: content as Record<string, unknown>, notFollowed: [] };
}
