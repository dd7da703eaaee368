import { checkOf, type Observation } from "../guest/observation.ts";
import { refuserOf } from "../probe/tools/join.ts";

/** What each path of one agent can do: a row for each capability, a column for each path. */
export type ToolTable = {
  agent: string;
  paths: string[];
  rows: { capability: string; cells: string[] }[];
};

/** How a cell is to be read, for under the table. */
export const TOOL_LEGEND =
  "yes: the outside saw it happen · asks: it waits for a person · rule, wall, no: refused by the settings, by the system, without a reason · –: not measured · disputed: it was said to be done, and the outside saw nothing. " +
  "In brackets, what is no tool: a plain process in the same sandbox, and programs that the agent starts by itself.";

/** From the rows of the tool plane alone; agents, paths and capabilities in the order in which they were measured. Tools that no canary fits have no column. */
export function toolTables(observations: readonly Observation[]): ToolTable[] {
  const tables = new Map<string, Map<string, Map<string, string>>>();
  const paths = new Map<string, Set<string>>();
  for (const row of observations) {
    if (checkOf(row.id) !== "tool-path") continue;
    const [, agent = "", path = "", capability] = /^tool-path:([^/]+)\/([^/]+)\/(.+)$/.exec(row.id) ?? [];
    if (capability === undefined) continue;
    const table = tables.get(agent) ?? new Map<string, Map<string, string>>();
    tables.set(agent, table);
    paths.set(agent, (paths.get(agent) ?? new Set()).add(path));
    table.set(capability, (table.get(capability) ?? new Map<string, string>()).set(path, marked(row)));
  }
  return [...tables].map(([agent, table]) => {
    const columns = [...(paths.get(agent) ?? [])];
    const rows = [...table].map(([capability, cells]) => ({
      capability,
      cells: columns.map((path) => cells.get(path) ?? ""),
    }));
    return { agent, paths: columns, rows };
  });
}

function marked({ verdict, detail }: Observation): string {
  switch (verdict) {
    case "reachable":
    case "decoy-reached":
      return "yes";
    case "denied":
    case "absent":
      return MARKS[refuserOf(detail)];
    case "not-measured":
      return "–";
    case "contradictory":
      return "disputed";
  }
}

const MARKS = { approval: "asks", rule: "rule", wall: "wall", unsaid: "no" } as const;
