import { entries, field, textOf } from "../formats.ts";
import type { StackReader } from "../reader.ts";
import { type McpServer, serversIn } from "../servers.ts";
import type { AgentKind } from "../stack.ts";

/** How one agent keeps its settings: which files it reads, and what stands in them. One file each; `all.ts` is the list. */
export type AgentReader = {
  kind: AgentKind;
  /** Reads what is there. An agent without any file of its own gives an empty `files`. */
  read(reader: StackReader, names: readonly string[]): Promise<AgentFound>;
};

type AgentFound = {
  /** Settings that are there, by logical name, sorted. */
  files: string[];
  mcpServers: McpServer[];
  instructions: Instruction[];
  hooks: Hook[];
};

/** Text that steers an agent. */
export type Instruction = { file: string; kind: "instructions" | "rule" | "skill" | "command" | "sub-agent" };

/** A command that an agent runs by itself on an event. `command` is as written and may hold a credential: never shown whole. */
export type Hook = { agent: AgentKind; file: string; place: string; event: string; command: string };

/** Those of the files that are there and could be read. */
export async function present(reader: StackReader, files: readonly string[]): Promise<string[]> {
  const there: string[] = [];
  for (const file of files) {
    if ((await reader.text(file)) !== undefined) there.push(file);
  }
  return there;
}

/** The MCP servers of one JSON or TOML file, in the table at `path`. */
export async function mcpServersOf(
  reader: StackReader,
  agent: AgentKind,
  file: string,
  path: string[],
): Promise<McpServer[]> {
  const content = await (file.endsWith(".toml") ? reader.toml(file) : reader.json(file));
  return serversIn(field(content, ...path), { agent, file, path }, (place) =>
    reader.problem(file, null, `${place} is no MCP server entry`),
  );
}

/** Skills (`<directory>/<name>/SKILL.md`) and commands or sub-agents (`<directory>/*.md`). */
export async function instructionsIn(
  reader: StackReader,
  directory: string,
  kind: Instruction["kind"],
): Promise<Instruction[]> {
  const matches = kind === "skill" ? /\/SKILL\.md$/ : /\.(md|mdc)$/;
  const files = await reader.walk(directory, (file) => matches.test(file));
  return files.map((file) => ({ file, kind }));
}

/** Hooks in the shape that Claude Code and Gemini CLI share: `{ Event: [{ matcher, hooks: [{ type, command }] }] }`. */
export function hooksIn(agent: AgentKind, file: string, table: unknown): Hook[] {
  return entries(table).flatMap(([event, groups]) =>
    list(groups).flatMap((group, i) =>
      list(field(group, "hooks")).flatMap((hook, j) => {
        const command = textOf(field(hook, "command"));
        return command === undefined
          ? []
          : [{ agent, file, place: `/hooks/${event}/${i}/hooks/${j}/command`, event, command }];
      }),
    ),
  );
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
