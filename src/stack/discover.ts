import { basename } from "node:path";
import type { Hook, Instruction } from "./agents/agent.ts";
import { AGENTS } from "./agents/all.ts";
import { candidatesIn, fileNamedBy } from "./declared/choose.ts";
import { openStack, type Problem, type Roots, type StackReader } from "./reader.ts";
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
  /** Everything that may say how the agents are confined; `command` is a script or a Makefile with such a command line in it. */
  containers: { kind: "devcontainer" | "dockerfile" | "compose" | "command" | "srt"; file: string }[];
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
  /** `target.declaredBy`: the file it names is a part of the stack, wherever it lies. */
  declaredBy?: string;
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
  found.containers.push(...(await otherDeclarations(reader, options.declaredBy, found.containers)));
  const byFile = new Map(instructions.map((instruction) => [instruction.file, instruction]));
  found.instructionFiles = [...byFile.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
  for (const { file, line, message } of options.unread ?? []) reader.problem(file, line, message);
  found.problems = [...reader.problems];
  return found;
}

/** Command lines and settings of srt that are an agent's, and the file that the configuration names. */
async function otherDeclarations(
  reader: StackReader,
  declaredBy: string | undefined,
  known: Discovered["containers"],
): Promise<Discovered["containers"]> {
  const files = new Map<string, Discovered["containers"][number]["kind"]>();
  for (const { name, kind, isAgents } of await candidatesIn(reader, reader.roots))
    if (isAgents && kind !== "devcontainer" && kind !== "compose")
      files.set(name.replace(/#.*/, ""), kind === "srt" ? "srt" : "command");
  const named = declaredBy === undefined ? undefined : fileNamedBy(declaredBy, reader.roots);
  if (named !== undefined && !files.has(named)) files.set(named, "command");
  return [...files]
    .filter(([file]) => !known.some((container) => container.file === file) && !file.includes("/.claude/"))
    .map(([file, kind]) => ({ kind, file }));
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
