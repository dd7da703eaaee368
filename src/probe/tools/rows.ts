import { bounded, oneLine } from "../../base/text.ts";
import type { Access, CheckRun, Observation } from "../../guest/observation.ts";
import type { Transcript } from "../../guest/tools/transcript.ts";
import type { AgentDriver } from "./agents.ts";
import type { CommandLine } from "./find.ts";
import type { Cell } from "./join.ts";
import type { Plan } from "./plan.ts";
import type { ToolPlane } from "./tools.ts";

/** Names of the paths that are no tools. Fewer confusions with a tool's name by the brackets. */
export const PATHS_OF_OURS = { plain: "(process)", server: "(mcp-server)", hook: "(hook)" } as const;

/** One cell of the table each; a description, no accusation. */
const CELL = "tool-path";
/** A cell that is open where the shell's is closed. */
const WIDER = "tool-plane";
/** What the settings close and a tool opens all the same. */
const RULE = "tool-rule";
/** Calls that wait for a person: that nothing happens meanwhile. */
const GATE = "approval-gate";

/** The table as rows, and what follows from it: pure. */
export function cellRows(
  agent: string,
  cells: readonly Cell[],
  notDriven: Plan["notDriven"],
  driver: AgentDriver,
): Observation[] {
  const shells = new Set(Object.entries(driver.tools).flatMap(([tool, role]) => (role === "shell" ? [tool] : [])));
  const shellOf = (id: string) => cells.find(({ path, capability }) => shells.has(path) && capability.id === id);
  return [
    ...cells.map((cell) => cellRow(agent, cell)),
    ...cells.flatMap((cell) => widerRow(agent, cell, shellOf(cell.capability.id))),
    ...ruleRows(agent, cells, driver),
    ...gateRows(agent, cells),
    ...notDriven.map((one) => undriven(agent, one)),
  ];
}

/** `agent/path/capability`: only the last word may hold a slash of its own. */
function idOf(check: string, agent: string, path: string, ...rest: string[]): string {
  const instance = [agent, path.replaceAll("/", "_"), ...rest].join("/").replaceAll(/[^\x21-\x7e]/g, "_");
  return `${check}:${instance}`.slice(0, 240);
}

function cellRow(agent: string, cell: Cell): Observation {
  const { path, capability, verdict, detail } = cell;
  return {
    id: idOf(CELL, agent, path, capability.id),
    category: "tool-plane",
    subject: bounded(`${capability.what}, through ${path} of ${agent}`, 300),
    verdict,
    access: verdict === "reachable" ? [accessOf(cell)] : [],
    from: "target",
    ...(verdict === "denied" && path !== PATHS_OF_OURS.plain
      ? { control: idOf(CELL, agent, PATHS_OF_OURS.plain, capability.id) }
      : {}),
    detail: bounded(detail, 600),
  };
}

function undriven(agent: string, { tool, why }: Plan["notDriven"][number]): Observation {
  return {
    id: idOf(CELL, agent, tool),
    category: "tool-plane",
    subject: bounded(`${tool} of ${agent}`, 300),
    verdict: "not-measured",
    access: [],
    from: "target",
    detail: bounded(why, 600),
  };
}

function accessOf({ capability }: Cell): Access {
  return capability.action === "fetch" ? "connect" : capability.action;
}

/**
 * The shell refused, and this path did it. What is the agent's work everywhere is left out. Programs that the agent starts by itself
 * are held against a wall alone: questions and rules are put to the model's calls, and no call starts them.
 */
function widerRow(agent: string, cell: Cell, shell: Cell | undefined): Observation[] {
  const { path, capability } = cell;
  if (path === PATHS_OF_OURS.plain || capability.isWork) return [];
  if (cell.verdict !== "reachable" || shell?.verdict !== "denied") return [];
  if (isOurs(path) && shell.by !== "wall") return [];
  return [
    {
      id: idOf(WIDER, agent, path, capability.id),
      category: "tool-plane",
      subject: bounded(`${capability.what}: ${path} of ${agent} may, its shell may not`, 300),
      verdict: "reachable",
      access: [accessOf(cell)],
      from: "target",
      detail: bounded(`${cell.detail}; the shell: ${shell.detail}`, 600),
    },
  ];
}

/** A rule of the settings is meant for whatever the agent does; a tool that it does not bind is its gap. Posts are no tools, and no rule is meant for them. */
function ruleRows(agent: string, cells: readonly Cell[], driver: AgentDriver): Observation[] {
  return cells
    .filter(({ path, capability }) => capability.id.startsWith("denied:") && !isOurs(path) && isKnown(path, driver))
    .filter(({ verdict }) => verdict !== "not-measured")
    .map((cell) => ({
      id: idOf(RULE, agent, cell.path, cell.capability.id.slice("denied:".length)),
      category: "tool-plane" as const,
      subject: bounded(`a rule of ${agent}'s settings, held against ${cell.path}`, 300),
      verdict: cell.verdict,
      access: cell.verdict === "reachable" ? [accessOf(cell)] : [],
      from: "target" as const,
      detail: bounded(cell.detail, 600),
    }));
}

function isKnown(path: string, driver: AgentDriver): boolean {
  const [tool = path] = (path.split(">").at(-1) ?? path).split("+");
  return Object.hasOwn(driver.tools, tool) || driver.serverOf(tool) !== undefined;
}

/** One row a tool that was held up at all: the outside saw nothing of what waits. */
function gateRows(agent: string, cells: readonly Cell[]): Observation[] {
  const held = cells.filter(({ by }) => by === "approval");
  return [...new Set(held.map(({ path }) => path))].map((path) => {
    const calls = held.filter((cell) => cell.path === path);
    return {
      id: idOf(GATE, agent, path),
      category: "tool-plane" as const,
      subject: bounded(`calls of ${path} of ${agent} that wait for a person`, 300),
      verdict: "denied" as const,
      access: [],
      from: "target" as const,
      detail: bounded(
        `${calls.length} waited and had no effect: ${calls.map((c) => c.capability.id).join(", ")}`,
        600,
      ),
    };
  });
}

function isOurs(path: string): boolean {
  return (Object.values(PATHS_OF_OURS) as string[]).includes(path);
}

/** Every check that the rows of an agent belong to, and from where each is told. */
export const TOOL_CHECKS: readonly Pick<CheckRun, "check" | "category" | "from">[] = [
  ...[CELL, WIDER, RULE, GATE].map((check) => ({ check, category: "tool-plane" as const, from: "target" as const })),
  ...["mcp-identity", "hook-identity", "agent-sandbox", "agent-contact"].map((check) => ({
    check,
    category: "tool-plane" as const,
    from: "outside" as const,
  })),
];

type Coverage = {
  cells: readonly Cell[];
  notPlanted: readonly { what: string; why: string }[];
  end: Transcript["end"];
  /** What else keeps the table from being whole. */
  gaps: readonly string[];
};

export function coverageOf({ agent, version }: CommandLine, coverage: Coverage): CheckRun[] {
  const { cells, notPlanted, end } = coverage;
  const unmeasured = cells.filter(({ verdict }) => verdict === "not-measured");
  const gaps = [
    ...coverage.gaps,
    ...(end.isTimedOut ? ["its time was up before the last call"] : []),
    ...(unmeasured.length > 0 ? [`${unmeasured.length} cells not measured`] : []),
    ...notPlanted.map(({ what, why }) => `${what}: ${why}`),
  ];
  const reason = bounded(gaps.length === 0 ? "" : `${agent} ${version}: ${gaps.join("; ")}`, 400);
  const status = gaps.length === 0 ? "ran" : "degraded";
  return TOOL_CHECKS.map((about) => ({ ...about, ...asRun(status, reason) }));
}

function asRun(status: "ran" | "degraded", reason: string): Pick<CheckRun, "status" | "reason"> {
  return status === "ran" ? { status, reason: "" } : { status, reason };
}

/** For an agent that was not driven. */
export function notMeasured(agent: string, why: string, status: "skipped" | "failed" = "failed"): ToolPlane {
  const reason = bounded(`${agent}: ${oneLine(why, 350)}`, 400);
  return {
    observations: [],
    checks: TOOL_CHECKS.map((about) => ({ ...about, status, reason })),
  };
}

/** Measured, in a room that is other than the real one. */
export function withCaveat({ observations, checks }: ToolPlane, caveat: string): ToolPlane {
  return {
    observations,
    checks: checks.map((run) =>
      run.status === "ran" || run.status === "degraded"
        ? { ...run, status: "degraded", reason: bounded([caveat, run.reason].filter(Boolean).join("; "), 400) }
        : run,
    ),
  };
}

/** All agents of a stack: one line of coverage a check, which ran only when it did for each. One line for all when nothing was driven. */
export function joinedPlanes(planes: readonly ToolPlane[]): ToolPlane {
  const observations = planes.flatMap((plane) => plane.observations);
  const all = planes.flatMap((plane) => plane.checks);
  const checks = [...new Set(all.map(({ check }) => check))].map((check) =>
    joinedRuns(all.filter((run) => run.check === check)),
  );
  const isUndriven = observations.length === 0 && checks.every(({ status }) => status === "skipped");
  return { observations, checks: isUndriven ? checks.filter(({ check }) => check === WIDER) : checks };
}

function joinedRuns(runs: readonly CheckRun[]): CheckRun {
  const [first, ...others] = runs;
  if (first === undefined) throw new RangeError("no run to join");
  const isSame = others.every(({ status }) => status === first.status);
  const reasons = new Set(runs.map((run) => run.reason).filter(Boolean));
  const reason = bounded([...reasons].join("; "), 400);
  return { ...first, status: isSame ? first.status : "degraded", reason };
}
