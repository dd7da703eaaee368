import { posix } from "node:path";
import { OperatorError } from "../../base/errors.ts";
import { oneLine } from "../../base/text.ts";
import type { Roots, StackReader } from "../reader.ts";
import type { Declared } from "../stack.ts";
import { claudeSandbox } from "./claudeSandbox.ts";
import { commandsOf } from "./commandFile.ts";
import { readCommand } from "./commandLine.ts";
import { readCompose } from "./compose.ts";
import { COMPOSE_NAMES, parseCompose, serviceNames, withOverride } from "./composeFile.ts";

/** One declaration that stands in a stack, as `target.declaredBy` would name it. */
export type Candidate = {
  /** `workspace/compose.yaml#agent`, `home/.srt-settings.json`. */
  name: string;
  kind: Exclude<Declared["kind"], "none">;
  /** Is it the agent's for all that can be told? Then `auto` takes it. A container of the product that is built there is not. */
  isAgents: boolean;
  why: string;
};

const SERVICES_MAX = 30;
const FILES_MAX = 200;

/**
 * Every declaration in the places where people keep them, in the order in which `auto` takes them: what stands around everything
 * first. A compose service or a command line counts as the agent's only when it brings the workspace in and names an agent: to
 * take a database's container for the agent's sandbox would say that an agent is confined which is not.
 */
export async function candidatesIn(reader: StackReader, original: Roots): Promise<Candidate[]> {
  return [
    ...(await devcontainers(reader)),
    ...(await composeServices(reader, original)),
    ...(await commandLines(reader, original)),
    ...(await settingsFiles(reader)),
  ];
}

async function devcontainers(reader: StackReader): Promise<Candidate[]> {
  const named = (await reader.list("workspace/.devcontainer"))
    .filter((entry) => entry.isDirectory)
    .map((entry) => `workspace/.devcontainer/${entry.name}/devcontainer.json`);
  const found: Candidate[] = [];
  for (const name of ["workspace/.devcontainer/devcontainer.json", "workspace/.devcontainer.json", ...named]) {
    if (await isThere(reader, name))
      found.push({ name, kind: "devcontainer", isAgents: true, why: "it is where the specification has it" });
  }
  return found;
}

async function isThere(reader: StackReader, file: string): Promise<boolean> {
  return (await reader.text(file)) !== undefined || reader.problems.some((problem) => problem.file === file);
}

async function composeServices(reader: StackReader, original: Roots): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const directory of ["workspace", "workspace/.devcontainer"]) {
    for (const base of COMPOSE_NAMES) {
      const file = `${directory}/${base}`;
      if (!(await isThere(reader, file))) continue;
      found.push(...(await servicesOf(reader, file, original)));
      break;
    }
  }
  return found;
}

async function servicesOf(reader: StackReader, file: string, original: Roots): Promise<Candidate[]> {
  try {
    const names = new Set<string>();
    for (const each of await withOverride(reader, file))
      for (const name of serviceNames((await parseCompose(reader, each)).content)) names.add(name);
    const found: Candidate[] = [];
    // Compose refuses a service by any other name.
    for (const service of [...names].filter((name) => /^[\w.-]+$/.test(name)).slice(0, SERVICES_MAX)) {
      const declared = await readCompose(reader, { file, service }, original);
      const said = `${service} ${declared.unrepeatable.map(({ what }) => what).join(" ")}`;
      const text = (await reader.text(file)) ?? "";
      found.push(candidate(`${file}#${service}`, "compose", declared, `${said} ${imageLines(text, service)}`));
    }
    return found;
  } catch (thrown) {
    return [unreadable(file, "compose", thrown)];
  }
}

/** The lines of a service that name what runs in it, without reading it a second time as YAML. */
function imageLines(text: string, service: string): string {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.trimStart().startsWith(`${service}:`));
  if (start < 0) return "";
  const indent = (line: string) => line.length - line.trimStart().length;
  const end = lines.findIndex(
    (line, i) => i > start && line.trim() !== "" && indent(line) <= indent(lines[start] ?? ""),
  );
  return lines
    .slice(start, end < 0 ? undefined : end)
    .filter((line) => /^\s*(image|container_name|command|entrypoint|context|dockerfile|build):/.test(line))
    .join(" ");
}

const COMMAND_FILES =
  /^(GNU)?[Mm]akefile$|^[Jj]ustfile$|\.(sh|bash|mk)$|^[a-z0-9_-]*(bwrap|sandbox|docker|podman|agent|claude|codex)[a-z0-9_.-]*$/;
const COMMAND_DIRECTORIES = [
  "workspace",
  "workspace/scripts",
  "workspace/bin",
  "workspace/tools",
  "workspace/.devcontainer",
];
const NO_COMMANDS = /\.(ya?ml|json|md|toml|txt|lock)$/;

async function commandLines(reader: StackReader, original: Roots): Promise<Candidate[]> {
  const files: string[] = [];
  for (const directory of COMMAND_DIRECTORIES)
    for (const { name, isDirectory } of await reader.list(directory))
      if (!isDirectory && COMMAND_FILES.test(name) && !NO_COMMANDS.test(name)) files.push(`${directory}/${name}`);
  const found: Candidate[] = [];
  for (const file of files.slice(0, FILES_MAX)) found.push(...(await commandsOfFile(reader, file, original)));
  return found;
}

async function commandsOfFile(reader: StackReader, file: string, original: Roots): Promise<Candidate[]> {
  const text = await reader.text(file);
  if (text === undefined) return [];
  try {
    const commands = commandsOf(text, { file, original });
    return commands.map((command, i) => {
      const name = commands.length > 1 ? `${file}#${i + 1}` : file;
      return candidate(
        name,
        command.tool,
        readCommand(command, file, original),
        `${file} ${command.words.join(" ")}`,
      );
    });
  } catch (thrown) {
    return [unreadable(file, "docker-run", thrown)];
  }
}

async function settingsFiles(reader: StackReader): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const name of ["workspace/.srt-settings.json", "home/.srt-settings.json"]) {
    if (await isThere(reader, name))
      found.push({ name, kind: "srt", isAgents: true, why: "srt reads it when it is told no other" });
  }
  const claude = await claudeSandbox(reader).catch((thrown: unknown) => {
    if (thrown instanceof OperatorError) return undefined;
    throw thrown;
  });
  if (claude !== undefined) {
    const name = claude.declaredAt.replace(/#.*/, "");
    found.push({ name, kind: "srt", isAgents: true, why: "Claude Code's own sandbox is switched on there" });
  }
  return found;
}

const AGENT =
  /claude|codex|gemini|aider|opencode|openhands|copilot|goose|cursor-agent|devcontainer|(^|[^a-z])(ai-?)?agents?([^a-z]|$)/i;

function candidate(name: string, kind: Candidate["kind"], declared: Declared, said: string): Candidate {
  const bringsWorkspace = declared.resources.some(
    ({ logical, path }) =>
      logical === "workspace" || (logical !== undefined && declared.workspacePath.startsWith(`${path}/`)),
  );
  const namesAgent = AGENT.test(said);
  if (bringsWorkspace && namesAgent)
    return { name, kind, isAgents: true, why: "it brings the workspace in and names an agent" };
  const lacks = bringsWorkspace ? "it names no agent" : "it does not bring the workspace in";
  return { name, kind, isAgents: false, why: `${lacks}: name it with target.declaredBy if the agent runs in it` };
}

function unreadable(name: string, kind: Candidate["kind"], thrown: unknown): Candidate {
  if (!(thrown instanceof OperatorError)) throw thrown;
  return { name, kind, isAgents: false, why: `it cannot be read: ${oneLine(thrown.message, 200)}` };
}

/** What a name of ours stands for: a file of the stack, and the part of it that is meant. */
export type Named = {
  file: string;
  part: string | undefined;
  form: "devcontainer" | "compose" | "command" | "srt" | "claude";
};

/**
 * `workspace/compose.yaml#agent`, `home/.srt-settings.json`, or an absolute path of the real stack or of the clone. Throws OperatorError
 * when it lies elsewhere: settings of srt may lie in the home, everything else is the workspace's.
 */
export async function namedBy(reader: StackReader, declaredBy: string, known: readonly Roots[]): Promise<Named> {
  const [path = "", part] = declaredBy.split(/#(?=[^/#]*$)/);
  const file = logicalOf(path, known);
  const form = file === undefined ? undefined : await formOf(reader, file);
  const isElsewhere = file?.startsWith("home/") === true && form !== "srt" && form !== "claude";
  if (file !== undefined && form !== undefined && !isElsewhere) return { file, part, form };
  throw new OperatorError(
    `${oneLine(declaredBy, 200)}: a sandbox is declared inside the workspace`,
    "name a devcontainer.json, a compose file, or a script below the workspace, settings of srt, or none",
  );
}

/** The logical name of the file that the configuration names; undefined of `auto`, of `none`, and of what is no part of the stack. */
export function fileNamedBy(declaredBy: string, roots: Roots): string | undefined {
  const [path = ""] = declaredBy.split(/#(?=[^/#]*$)/);
  return path === "auto" || path === "none" ? undefined : logicalOf(path, [roots]);
}

async function formOf(reader: StackReader, file: string): Promise<Named["form"]> {
  const name = posix.basename(file);
  if (/\.ya?ml$/i.test(name)) return "compose";
  if (/\/\.claude\/settings(\.local)?\.json$/.test(file)) return "claude";
  if (/^\.?devcontainer\.json$/.test(name)) return "devcontainer";
  if (/srt.*\.json$/.test(name)) return "srt";
  if (!/\.jsonc?$/.test(name)) return "command";
  const content = await reader.json(file);
  const has = (key: string) => typeof content === "object" && content !== null && Object.hasOwn(content, key);
  return (has("filesystem") || has("network")) && !has("image") && !has("build") ? "srt" : "devcontainer";
}

function logicalOf(path: string, known: readonly Roots[]): string | undefined {
  const isLogical = /^(workspace|home)\//.test(path) && !path.split("/").includes("..");
  if (isLogical) return path;
  for (const name of ["workspace", "home"] as const)
    for (const roots of known)
      if (path.startsWith(`${roots[name]}/`)) return `${name}${path.slice(roots[name].length)}`;
  return undefined;
}
