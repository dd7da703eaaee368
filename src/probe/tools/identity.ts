import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync } from "node:fs";
import { basename, join } from "node:path";
import { errnoOf } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";
import { bounded } from "../../base/text.ts";
import type { Observation } from "../../guest/observation.ts";
import type { Call } from "../../guest/tools/order.ts";
import type { Answer, OfferedTool } from "../../guest/tools/transcript.ts";
import type { AgentDriver } from "./agents.ts";
import type { Place } from "./canaries.ts";
import type { CommandLine } from "./find.ts";
import { steady } from "./join.ts";
import { withCommand } from "./plan.ts";
import type { Standing } from "./posts.ts";
import type { Declaration, ToolRoom } from "./tools.ts";
import { type SeenProcess, wallsBeyond } from "./watch.ts";

/** A shell command that is known by its words and stays until the host has seen it: it reads a pipe that the host closes. */
export type ShellMarker = {
  isOf(argv: readonly string[]): boolean;
  letGo(): void;
  /** None when the agent has no shell. */
  callsIn(tools: readonly OfferedTool[], driver: AgentDriver): Call[];
};

const STAYS_S = 8;

/** Makes the pipe in a directory that is the workspace inside. Rejects when this machine has no mkfifo. */
export async function shellMarker({ path, host }: Place, give: (path: string) => void): Promise<ShellMarker> {
  const name = `weakdoor-${randomBytes(8).toString("hex")}`;
  const [file, pipe] = [join(path, name), join(host, name)];
  const { code, stderr } = await exec(["mkfifo", "-m", "0600", pipe]);
  if (code !== 0) throw new Error(`mkfifo: ${stderr}`);
  give(pipe);
  return {
    isOf: (argv) => argv.some((word) => word.includes(file)),
    letGo() {
      try {
        // Nobody reads yet, or somebody put another thing there: then it ends by its own time.
        closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW));
      } catch (thrown) {
        if (errnoOf(thrown) === undefined) throw thrown;
      }
    },
    callsIn(tools, driver) {
      const shell = tools.find((tool) => driver.tools[tool.name] === "shell");
      const command = `timeout ${STAYS_S} cat '${file}'`;
      return shell === undefined ? [] : [{ tool: shell.name, input: withCommand(shell, command) }];
    },
  };
}

type Input = {
  agent: string;
  commandLine: CommandLine;
  processes: ToolRoom["processes"];
  seen: readonly SeenProcess[];
  posts: readonly Standing[];
  marker: ShellMarker;
  declared: Pick<Declaration, "servers" | "hooks" | "remote">;
  /** What the agent said of the marker's command. */
  shellAnswer: Answer | undefined;
};

/**
 * Where the programs that an agent starts by itself stand, against the agent and against its shell's commands. One that is confined
 * less than the shell's is a way around that confinement. Told from the host's tables alone.
 */
export function identityRows(input: Input): Observation[] {
  const { agent, seen, marker, declared, posts } = input;
  const of = (word: string) => seen.filter(({ argv }) => argv.includes(word)).at(-1);
  const shell = seen.filter(({ argv }) => marker.isOf(argv)).toSorted(innermost)[0];
  const rows = posts.map((post) => {
    const instance = post.kind === "server" ? "any-server" : "any-hook";
    return { check: CHECK_OF[post.kind], instance, subject: SUBJECT_OF[post.kind], process: of(post.file) };
  });
  for (const { name, argv } of declared.servers) {
    const process = seen.find((one) => isStartedAs(one, argv));
    rows.push({ check: CHECK_OF.server, instance: name, subject: `the MCP server ${name} of the stack`, process });
  }
  for (const { name, command } of declared.hooks) {
    const process = seen.find(({ argv }) => isRunOf(command, argv));
    rows.push({ check: CHECK_OF.hook, instance: name, subject: `the hook ${name} of the stack`, process });
  }
  const rowOf = (check: string, instance: string, subject: string) => ({
    id: `${check}:${agent}/${instance.replaceAll(/[^\x21-\x7e]/g, "_").slice(0, 100)}`,
    category: "tool-plane" as const,
    subject: bounded(subject, 300),
    from: "outside" as const,
  });
  return [
    ...rows.map(({ check, instance, subject, process }) => ({
      ...rowOf(check, instance, subject),
      ...standing(process, shell, input),
    })),
    ...declared.remote.map(({ name, at }) => ({
      ...rowOf(CHECK_OF.server, name, `the MCP server ${name} of the stack`),
      ...no(
        `it is no process of this sandbox: the agent reaches it at ${at}, and what it may do there is not seen here`,
      ),
    })),
  ];
}

function no(detail: string): Pick<Observation, "verdict" | "access" | "detail"> {
  return { verdict: "not-measured", access: [], detail: bounded(detail, 600) };
}

const CHECK_OF = { server: "mcp-identity", hook: "hook-identity" } as const;
const SUBJECT_OF = {
  server: "a program that stands where an MCP server stands",
  hook: "a program that a hook starts",
};

/** The deepest is the command itself, and those above it launched it. */
function innermost(a: SeenProcess, b: SeenProcess): number {
  return b.ancestors.length - a.ancestors.length;
}

function standing(
  process: SeenProcess | undefined,
  shell: SeenProcess | undefined,
  { processes, shellAnswer }: Input,
): Pick<Observation, "verdict" | "access" | "detail"> {
  if (processes.status === "unseen") return no(processes.reason);
  if (process === undefined) return no("the host saw no process of it: it did not start here, or it was too short");
  const told = describe(process);
  if (shell === undefined) {
    const why = shellAnswer === undefined ? "the agent has no shell, or ended before" : steady(shellAnswer.text);
    return no(`${told}; the shell's process was not seen to compare with: ${why}`);
  }
  const walls = wallsBeyond(shell, process);
  if (walls.length === 0)
    return { verdict: "absent", access: [], detail: bounded(`confined as the shell's commands are; ${told}`, 600) };
  const detail = `the shell's commands stand behind walls of their own that it does not (${walls.join(", ")}); ${told}`;
  return { verdict: "reachable", access: ["execute"], detail: bounded(detail, 600) };
}

function describe({ envNames, listens, argv }: SeenProcess): string {
  const listening = listens.length === 0 ? "listens on no port" : `listens on ${listens.join(", ")}`;
  return `${basename(argv[0] ?? "")}, ${listening}, variables: ${envNames.join(" ") || "none"}`;
}

/** What stack/credentials.ts writes in the place of a credential. */
const MASK = "…";

/** By its own words behind the program's name, which an interpreter or a full path may stand before; a word whose credential was masked is not compared. */
function isStartedAs(process: SeenProcess, argv: readonly string[]): boolean {
  const [program = "", ...all] = argv;
  const words = all.filter((word) => !word.includes(MASK));
  if (words.length === 0) return basename(process.argv[0] ?? "") === basename(program);
  return words.every((word) => process.argv.includes(word));
}

/** The shell that a command is handed to, or the program that the shell became for it. Variables in it are skipped over. */
export function isRunOf(command: string, argv: readonly string[]): boolean {
  if (argv.includes(command)) return true;
  const words = command
    .replace(/\s#.*$/s, "")
    .split(/\s+/)
    .map((word) => word.replaceAll(/["']/g, "").replace(/^.*\$(?:\{\w+\}|\w+)/, ""))
    .filter((word) => word !== "");
  return (
    words.length > 0 && words.length === argv.length && words.every((word, i) => argv[i]?.endsWith(word) === true)
  );
}
