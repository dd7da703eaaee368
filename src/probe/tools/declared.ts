import { join } from "node:path";
import { CLAUDE_SETTINGS } from "../../stack/agents/claude-code.ts";
import type { Discovered } from "../../stack/discover.ts";
import { field, textsOf } from "../../stack/formats.ts";
import type { StackReader } from "../../stack/reader.ts";
import type { DeniedPath } from "./canaries.ts";
import { ownSandboxOf } from "./declaredSandbox.ts";
import type { DrivenAgent } from "./find.ts";
import type { Declaration } from "./tools.ts";

/** Where the home, the workspace and a directory that is neither stand inside, and where a path inside lies on the host; undefined for one that no mount of ours holds. */
export type Layout = {
  home: string;
  workspace: string;
  outside: string;
  hostOf: (path: string) => string | undefined;
};

/**
 * What the stack's files say that a run can be held against: paths closed to reading, servers that are started as programs, hooks. Only
 * Claude Code closes paths by rules of its own.
 */
export async function declarationOf(
  agent: DrivenAgent,
  discovered: Pick<Discovered, "mcpServers" | "hooks" | "instructionFiles">,
  reader: StackReader,
  layout: Layout,
): Promise<Declaration> {
  const servers = discovered.mcpServers.flatMap(({ agent: of, name, transport, isEnabled, command, args }) =>
    of === agent && transport === "stdio" && isEnabled && command !== undefined
      ? [{ name, argv: [command, ...args] }]
      : [],
  );
  const hooks = discovered.hooks
    .filter((hook) => hook.agent === agent)
    .map(({ event, command }, i) => ({ name: `${event}-${i + 1}`, command }))
    .slice(0, HOOKS_MAX);
  const remote = discovered.mcpServers.flatMap(({ agent: of, name, transport, isEnabled, url }) =>
    of === agent && transport === "http" && isEnabled && url !== undefined ? [{ name, at: originOf(url) }] : [],
  );
  const ownSandbox = await ownSandboxOf(agent, reader, layout);
  const said = {
    servers,
    hooks,
    remote,
    subAgents: await subAgentsOf(agent, discovered, reader),
    ...(ownSandbox === undefined ? {} : { ownSandbox }),
  };
  if (agent !== "claude-code") return { deniedPaths: [], ...said };
  const rules = new Set<string>();
  for (const file of CLAUDE_SETTINGS)
    for (const rule of textsOf(field(await reader.json(file), "permissions", "deny"))) rules.add(rule);
  const deniedPaths = [...rules].flatMap((rule) => deniedBy(rule, layout) ?? []).slice(0, RULES_MAX);
  return { deniedPaths, ...said };
}

/** By the name at the head of their files; of the workspace alone where that is another one's than the home's. */
async function subAgentsOf(
  agent: DrivenAgent,
  { instructionFiles }: Pick<Discovered, "instructionFiles">,
  reader: StackReader,
): Promise<string[]> {
  const own = agent === "claude-code" ? "/.claude/agents/" : agent === "gemini-cli" ? "/.gemini/agents/" : undefined;
  if (own === undefined) return [];
  const files = instructionFiles.filter(({ kind, file }) => kind === "sub-agent" && file.includes(own));
  const names = new Set<string>();
  for (const { file } of files) {
    const head = /^---\r?\n([^]*?)\r?\n---/.exec((await reader.text(file)) ?? "")?.[1] ?? "";
    const name = /^name: *["']?([\w-]{1,60})["']? *$/m.exec(head)?.[1];
    if (name !== undefined) names.add(name);
  }
  return [...names].toSorted();
}

/** Where it stands; what follows may be a credential. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : "an address that is none";
}

const RULES_MAX = 12;
const HOOKS_MAX = 20;
/** In the place of each wildcard; long enough to be nobody's file. */
const NAME = "weakdoor-canary";

/**
 * One path that a rule such as `Read(~/.ssh/**)` is about (code.claude.com/docs/en/permissions: `//` absolute, `~/` the home, else
 * below the working directory, with the wildcards of .gitignore). Undefined for a rule about another tool, and for a path that no
 * mount of ours holds. Classes of characters and negations are not understood, and such a rule is left out.
 */
export function deniedBy(rule: string, { home, workspace, hostOf }: Layout): DeniedPath | undefined {
  const pattern = /^Read\(([^()]+)\)$/.exec(rule.slice(0, 300))?.[1];
  if (pattern === undefined || /[[\]!\s]/.test(pattern)) return undefined;
  const [base, rest] = pattern.startsWith("//")
    ? ["/", pattern.slice(2)]
    : pattern.startsWith("~/")
      ? [home, pattern.slice(2)]
      : [workspace, pattern.replace(/^\.?\//, "")];
  const segments = rest.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.length === 0 || segments.includes("..")) return undefined;
  const last = segments.pop() ?? "";
  const between = segments.filter((segment) => segment !== "**").map(named);
  const path = join(base, ...between, last === "**" ? NAME : named(last));
  const host = hostOf(path);
  return host === undefined ? undefined : { rule, path, host };
}

function named(segment: string): string {
  return segment.replaceAll(/\*+|\?/g, NAME);
}
