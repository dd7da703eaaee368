import { basename, isAbsolute, relative } from "node:path";
import { oneLine } from "../base/text.ts";
import { AGENT_KINDS } from "../config/schema.ts";
import { launchOf } from "./audit/launch.ts";
import type { Candidate } from "./declared/choose.ts";
import type { Discovered } from "./discover.ts";
import type { Roots } from "./reader.ts";
import type { McpServer } from "./servers.ts";

/** The text of a first `weakdoor.yaml` for what was found, with a comment at each line; it loads as it is. */
export function initialConfig(
  discovered: Discovered,
  candidates: readonly Candidate[],
  roots: Roots,
  directory: string,
): string {
  const kinds = discovered.agents.map((agent) => agent.kind);
  const [chosen] = candidates.filter(({ isAgents }) => isAgents);
  const declaredBy = chosen === undefined ? "none" : quoted(shortest(absolute(chosen.name, roots), directory));
  return `# What weakdoor studies, and how. Paths are relative to this file. Written by weakdoor init; yours to change.
version: 1

${comment(["Found when this file was written:", ...foundLines(discovered).map((line) => `  ${line}`)])}
stack:
  # The stack's name in reports. Findings are known by it: do not change it later.
  name: ${quoted(nameOf(roots.workspace))}
  # The home directory in which the agents keep their settings and logins. It is read, never written to.
  home: ${quoted(shortest(roots.home, directory))}
  # The project they work in.
  workspace: ${quoted(shortest(roots.workspace, directory))}
  # Whose files are read and copied into the clone, with every credential replaced.
  agents: [${(kinds.length > 0 ? kinds : AGENT_KINDS).join(", ")}]
  # More files for the clone, e.g. "home/.config/tool/*.json".
  include: []

# The sandbox of the agents, rebuilt around the clone.
target:
  # auto takes what comes nearest to the declaration: the container engine, srt, or bubblewrap.
  driver: auto
  # What declares the agents' sandbox: a devcontainer.json, compose.yaml#SERVICE, a script with docker run or bwrap in it
  # (FILE#2 is its second command line), settings of srt or .claude/settings.json. none: they run without one.
${declarationLines(candidates)}
  declaredBy: ${declaredBy}
  # true rebuilds a weak one inside gVisor or a microVM: safer, but then that boundary is what is measured.
  nest: false

# The sandbox of the researcher. It must be stronger than what it studies.
lab:
  # container, gvisor or microvm: a machine that cannot boot this much does not run the researcher.
  minimum: gvisor
  # true lets a weaker lab run; every report then says so.
  allowWeakIsolation: false

# scripted needs no model and no key. anthropic and openai need a model, and a key in the variable that keyEnv NAMES:
# { mode: anthropic, model: NAME, keyEnv: ANTHROPIC_API_KEY, tokensMax: 300000 }
# moneyMax: 2 holds a cycle to two dollars; it needs the vendor's prices for a million tokens:
# prices: { NAME: { inputPerMTok: 3, outputPerMTok: 15, cachedInputPerMTok: 0.3 } }
research:
  mode: scripted

# The agents' own command lines are driven by a script where they are installed; these two lines name another place.
# probe:
#   agentDirectories: [tools/node_modules]

# Where your team writes down what the sandbox may reach, and why; weakdoor probe --propose FILE drafts it from the last cycle.
# intended: intended.yaml

findings:
  # From which severity on a new finding makes the exit code 10: low, medium, high or critical.
  threshold: high

schedule:
  # Minute, hour, day of month, month, day of week: here Mondays at six.
  cron: "0 6 * * 1"
  # As in Europe/Berlin.
  timeZone: UTC
  # one makes up for runs that were missed while nothing ran; none does not.
  catchUp: one

# Of each sandbox, and of the files that are copied into the clone.
limits:
  memoryMiB: 512
  cpus: 1
  pids: 128
  fileMiBMax: 8
`;
}

/** Each declaration that was seen, best first, and why it is or is not the one below. */
function declarationLines(candidates: readonly Candidate[]): string {
  const [chosen] = candidates.filter(({ isAgents }) => isAgents);
  const lines = candidates.map((candidate) => {
    const isChosen = candidate === chosen;
    const why = candidate.isAgents && !isChosen ? "also an agent's, and it comes later" : candidate.why;
    return oneLine(`${isChosen ? "taken" : "seen "}  ${candidate.name} (${candidate.kind}): ${why}`, 240);
  });
  const shown = lines.slice(0, 40);
  if (lines.length > shown.length) shown.push(`and ${lines.length - shown.length} more`);
  return (shown.length > 0 ? shown : ["no declaration was seen"]).map((line) => `  #   ${line}`).join("\n");
}

function absolute(name: string, roots: Roots): string {
  return name.startsWith("home/")
    ? `${roots.home}${name.slice("home".length)}`
    : `${roots.workspace}${name.slice("workspace".length)}`;
}

/** What was found, a line each; never a value of a credential. */
export function foundLines(discovered: Discovered): string[] {
  const { agents, mcpServers, instructionFiles, hooks, containers, problems } = discovered;
  const lines = [
    ...agents.map(({ kind, files }) => `agent        ${kind}: ${files.join(", ")}`),
    ...mcpServers.map((server) => `MCP server   ${server.agent}/${server.name}: ${startOf(server)} (${server.file})`),
    ...instructionFiles.map(({ kind, file }) => `${kind.padEnd(12)} ${file}`),
    ...hooks.map(({ agent, event, file }) => `hook         ${agent} ${event} (${file})`),
    ...containers.map(({ kind, file }) => `${kind.padEnd(12)} ${file}`),
    ...problems.map(
      ({ file, line, message }) => `not read     ${file}${line === null ? "" : `:${line}`}: ${message}`,
    ),
  ].map((line) => oneLine(line, 200).replace(/^(\S+( server| read)?) /, (_whole, first: string) => first.padEnd(13)));
  const shown = lines.slice(0, LINES_MAX);
  if (lines.length > shown.length) shown.push(`and ${lines.length - shown.length} more`);
  return agents.length > 0 ? shown : [`no agent: neither of ${AGENT_KINDS.join(", ")} has settings there`, ...shown];
}

const LINES_MAX = 200;

function startOf(server: McpServer): string {
  if (server.transport === "http") return server.url ?? "";
  const launch = launchOf(server);
  switch (launch.kind) {
    case "package":
      return `${launch.name} from ${launch.registry}, ${launch.version ?? "no exact version"}`;
    case "image":
      return `image ${launch.reference}`;
    case "local":
      return launch.program;
    case "unknown":
      return launch.why;
  }
}

function comment(lines: readonly string[]): string {
  return lines.map((line) => `# ${line}`).join("\n");
}

/** JSON is YAML: a double-quoted text is read back as the same text. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** Relative when it lies in or below the file's directory, so that both can move together; else absolute. */
function shortest(path: string, directory: string): string {
  const short = relative(directory, path);
  if (short === "") return ".";
  return short.startsWith("..") || isAbsolute(short) ? path : short;
}

function nameOf(workspace: string): string {
  const name = basename(workspace)
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 63);
  return name === "" ? "stack" : name;
}
