import { bounded } from "../../base/text.ts";
import type { Observation } from "../../guest/observation.ts";
import type { CommandLine } from "./find.ts";
import type { ShellMarker } from "./identity.ts";
import type { Cell } from "./join.ts";
import { type SeenProcess, wallsBeyond } from "./watch.ts";

/** What an agent's settings say of a sandbox that it makes around its own commands. */
export type OwnSandbox = {
  /** File and place. */
  declaredAt: string;
  /** As the vendor calls it: `workspace-write`. */
  mode: string;
  /** Capabilities that it closes to the shell's commands, by id. */
  closes: readonly string[];
};

/** What the host saw of the shell's command against the agent itself. */
export type Walls = { status: "seen"; walls: readonly string[] } | { status: "unseen"; reason: string };

/** What is declared, held against what a command of the shell could do: the vendors' sandboxes run without a word where they cannot start. */
const CHECK = "agent-sandbox";

type Input = {
  agent: string;
  declared: OwnSandbox | undefined;
  /** Of the agent's shell tools, asked in the usual way. */
  cells: readonly Cell[];
  walls: Walls;
};

/** Pure. One row for what it closes each, and one for the walls themselves. */
export function ownSandboxRows({ agent, declared, cells, walls }: Input): Observation[] {
  const row = (instance: string, subject: string, found: Found): Observation => ({
    id: `${CHECK}:${agent}/${instance.replaceAll(/[^\x21-\x7e]/g, "_")}`.slice(0, 240),
    category: "tool-plane",
    subject: bounded(subject, 300),
    from: "outside",
    ...found,
    detail: bounded(found.detail, 600),
  });
  const subject = `a sandbox that ${agent} makes around its own commands`;
  if (declared === undefined)
    return [row("walls", subject, { verdict: "absent", access: [], detail: "its settings declare none" })];
  const { mode, declaredAt } = declared;
  const said = `${mode} in ${declaredAt}`;
  const closed = declared.closes.map((id) => {
    const found = cells.filter(({ capability }) => capability.id === id);
    const what = found[0]?.capability.what ?? id;
    return row(id, `${what}, which ${agent}'s own sandbox closes (${said})`, heldBy(found));
  });
  return [row("walls", `${subject} (${said})`, standing(walls)), ...closed];
}

type Found = Pick<Observation, "verdict" | "access" | "detail">;

function standing(walls: Walls): Found {
  if (walls.status === "unseen") return { verdict: "not-measured", access: [], detail: walls.reason };
  if (walls.walls.length > 0)
    return {
      verdict: "absent",
      access: [],
      detail: `in force: a command of the shell stands behind walls of its own (${walls.walls.join(", ")})`,
    };
  return {
    verdict: "reachable",
    access: ["execute"],
    detail: "not in force: a command of the shell stands where the agent stands, behind no wall of its own",
  };
}

function heldBy(cells: readonly Cell[]): Found {
  const open = cells.find(({ verdict }) => verdict === "reachable" || verdict === "contradictory");
  if (open !== undefined) {
    const access = open.capability.action === "fetch" ? ("connect" as const) : open.capability.action;
    const detail = `declared closed, and ${open.path} did it: ${open.detail}`;
    return { verdict: "reachable", access: [access], detail };
  }
  const wall = cells.find(({ verdict, by }) => verdict === "denied" && by !== "approval" && by !== "rule");
  if (wall !== undefined) return { verdict: "denied", access: [], detail: wall.detail };
  const [first] = cells;
  return {
    verdict: "not-measured",
    access: [],
    detail:
      first === undefined
        ? "no shell of it was asked for this here"
        : `it did not come to a command: ${first.detail}`,
  };
}

/** The agent itself is what was started by its own argv; the deepest process of a command is the command. */
export function wallsOf(seen: readonly SeenProcess[], marker: ShellMarker, { argv }: CommandLine): Walls {
  const [command] = seen
    .filter((one) => marker.isOf(one.argv))
    .toSorted((a, b) => b.ancestors.length - a.ancestors.length);
  if (command === undefined) return { status: "unseen", reason: "the host saw no process of a command of its shell" };
  const agents = seen.filter(
    (one) => command.ancestors.includes(one.pid) && argv.every((word) => one.argv.includes(word)),
  );
  const [agent] = agents.toSorted((a, b) => a.ancestors.length - b.ancestors.length);
  if (agent === undefined)
    return { status: "unseen", reason: "the host did not see the agent's own process above it" };
  return { status: "seen", walls: wallsBeyond(command, agent) };
}
