import { basename } from "node:path";
import type { Hook, Instruction } from "./agents/agent.ts";
import { AGENTS } from "./agents/all.ts";
import { openStack, type Problem, type Roots } from "./reader.ts";
import type { McpServer } from "./servers.ts";
import type { AgentKind } from "./stack.ts";

/**
 * What stands in a home and a workspace: agents and their settings, MCP servers, the text that steers the agents, and
 * how their sandbox is declared. Reads files only; runs nothing and follows no link out. A file that cannot be read or
 * parsed is a problem, never a crash and never "nothing there". All file names are logical (`home/…`, `workspace/…`).
 */
export type Discovered = {
  agents: { kind: AgentKind; files: string[] }[];
  mcpServers: McpServer[];
  /** CLAUDE.md, AGENTS.md, GEMINI.md, rules, skills, commands, sub-agents. Sorted by file, each once. */
  instructionFiles: Instruction[];
  hooks: Hook[];
  containers: { kind: "devcontainer" | "dockerfile" | "compose"; file: string }[];
  problems: Problem[];
};

export type DiscoverOptions = {
  agents?: readonly AgentKind[];
  /** Absolute paths by which settings may know the workspace besides its own, e.g. the original's when this is a clone. */
  workspaceNames?: readonly string[];
  /**
   * What could not be read of the original when this is its clone. A file that was not copied is not there to be found
   * unreadable again, and must not read as absent.
   */
  unread?: readonly Problem[];
};

export async function discover(roots: Roots, options: DiscoverOptions = {}): Promise<Discovered> {
  const reader = openStack(roots);
  const names = [roots.workspace, ...(options.workspaceNames ?? [])];
  const found: Discovered = {
    agents: [],
    mcpServers: [],
    instructionFiles: [],
    hooks: [],
    containers: [],
    problems: [],
  };
  const instructions: Instruction[] = [];
  for (const agent of AGENTS) {
    if (options.agents !== undefined && !options.agents.includes(agent.kind)) continue;
    const own = await agent.read(reader, names);
    if (own.files.length > 0) found.agents.push({ kind: agent.kind, files: own.files.toSorted() });
    found.mcpServers.push(...own.mcpServers);
    found.hooks.push(...own.hooks);
    instructions.push(...own.instructions);
  }
  for (const file of await reader.walk("workspace", (name) => kindOf(name) !== undefined)) {
    const kind = kindOf(file);
    if (kind === "instructions") instructions.push({ file, kind });
    else if (kind !== undefined) found.containers.push({ kind, file });
  }
  const byFile = new Map(instructions.map((instruction) => [instruction.file, instruction]));
  found.instructionFiles = [...byFile.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
  for (const { file, line, message } of options.unread ?? []) reader.problem(file, line, message);
  found.problems = [...reader.problems];
  return found;
}

const INSTRUCTION_NAMES = new Set(["CLAUDE.md", "CLAUDE.local.md", "AGENTS.md", "AGENTS.override.md", "GEMINI.md"]);

function kindOf(file: string): "instructions" | "devcontainer" | "dockerfile" | "compose" | undefined {
  const name = basename(file);
  if (INSTRUCTION_NAMES.has(name)) return "instructions";
  if (/^workspace\/(\.devcontainer\.json|\.devcontainer\/([^/]+\/)?devcontainer\.json)$/.test(file))
    return "devcontainer";
  if (/^(Dockerfile|Containerfile)(\..+)?$|\.[Dd]ockerfile$/.test(name)) return "dockerfile";
  if (/^(docker-)?compose(\.[\w-]+)?\.ya?ml$/.test(name)) return "compose";
  return undefined;
}
