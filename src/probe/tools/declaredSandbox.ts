import { CODEX_CONFIGS } from "../../stack/agents/codex.ts";
import { claudeSandbox } from "../../stack/declared/claudeSandbox.ts";
import { field, textOf, textsOf } from "../../stack/formats.ts";
import type { StackReader } from "../../stack/reader.ts";
import type { Layout } from "./declared.ts";
import type { DrivenAgent } from "./find.ts";
import type { OwnSandbox } from "./ownSandbox.ts";

/**
 * What an agent's settings say of a sandbox that it makes around its own commands, as capabilities that are closed by it. Undefined when
 * they ask for none. What they say of single programs, sockets and ports is left out: no canary asks for those.
 */
export function ownSandboxOf(
  agent: DrivenAgent,
  reader: StackReader,
  layout: Layout,
): Promise<OwnSandbox | undefined> {
  return DECLARED[agent](reader, layout);
}

type Reads = (reader: StackReader, layout: Layout) => Promise<OwnSandbox | undefined>;

const DECLARED: Readonly<Record<DrivenAgent, Reads>> = {
  // code.claude.com/docs/en/sandboxing
  async "claude-code"(reader, layout) {
    const found = await claudeSandbox(reader);
    if (found === undefined) return undefined;
    const of = (...path: string[]) => textsOf(field(found.content, ...path));
    const isFree = field(found.content, "filesystem", "disabled") === true;
    const written = isFree ? ["/"] : of("filesystem", "allowWrite").map((path) => inside(path, layout));
    const closedToReading = of("filesystem", "denyRead").map((path) => inside(path, layout));
    const reads = READS.flatMap(([id, place]) => (isCovered(layout[place], closedToReading) ? [id] : []));
    return {
      declaredAt: found.declaredAt,
      mode: "sandbox.enabled",
      closes: [
        ...writesBeyond(written, layout),
        ...reads,
        ...internetUnless(of("network", "allowedDomains").includes("*")),
      ],
    };
  },
  // developers.openai.com/codex/config-reference
  async codex(reader, layout) {
    const [home, workspace] = CODEX_CONFIGS;
    const own = await reader.toml(home);
    const isTrusted = field(own, "projects", layout.workspace, "trust_level") === "trusted";
    const said = (isTrusted ? [workspace, home] : [home]) as readonly string[];
    for (const file of said) {
      const settings = await reader.toml(file);
      const profile = textOf(field(settings, "profile"));
      const mode =
        (profile === undefined ? undefined : textOf(field(settings, "profiles", profile, "sandbox_mode"))) ??
        textOf(field(settings, "sandbox_mode"));
      if (mode === undefined) continue;
      const closes = closedByCodex(mode, settings, layout);
      return closes === undefined ? undefined : { declaredAt: file, mode, closes };
    }
    return undefined;
  },
  // geminicli.com/docs/cli/sandbox
  async "gemini-cli"(reader, layout) {
    for (const file of ["workspace/.gemini/settings.json", "home/.gemini/settings.json"]) {
      const settings = await reader.json(file);
      const whole = field(settings, "tools", "sandbox");
      const tools = field(settings, "security", "toolSandboxing");
      if (tools !== true && (whole === undefined || whole === false)) continue;
      const mode = tools === true ? "security.toolSandboxing" : "tools.sandbox";
      return { declaredAt: file, mode, closes: writesBeyond([layout.workspace], layout) };
    }
    return undefined;
  },
};

/** Undefined for a mode that confines nothing. */
function closedByCodex(mode: string, settings: unknown, layout: Layout): string[] | undefined {
  if (mode === "read-only") return ["write-workspace", ...writesBeyond([], layout), ...internetUnless(false)];
  if (mode !== "workspace-write") return undefined;
  const roots = textsOf(field(settings, "sandbox_workspace_write", "writable_roots"));
  const hasNetwork = field(settings, "sandbox_workspace_write", "network_access") === true;
  return [...writesBeyond([layout.workspace, ...roots], layout), ...internetUnless(hasNetwork)];
}

const READS = [
  ["read-home", "home"],
  ["read-outside", "outside"],
] as const;
const WRITES = [
  ["write-home", "home"],
  ["write-outside", "outside"],
] as const;

function writesBeyond(open: readonly string[], layout: Layout): string[] {
  return WRITES.flatMap(([id, place]) => (isCovered(layout[place], open) ? [] : [id]));
}

function internetUnless(isOpen: boolean): string[] {
  return isOpen ? [] : ["fetch-internet"];
}

function isCovered(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => root === "/" || path === root || path.startsWith(`${root}/`));
}

/** Wildcards are not understood: what holds one covers nothing. */
function inside(path: string, { home, workspace }: Layout): string {
  const plain = path.replace(/\/(?:\*\*)?$/, "") || "/";
  if (plain === "~" || plain.startsWith("~/")) return `${home}${plain.slice(1)}`;
  if (plain.startsWith("/")) return plain;
  return plain === "." ? workspace : `${workspace}/${plain.replace(/^\.\//, "")}`;
}
