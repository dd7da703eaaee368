import { checkOf, type Observation } from "../guest/observation.ts";
import { refuserOf } from "../probe/tools/join.ts";

/** What each path of one agent can do: a row for each path, of which there are many, and a column for each capability. */
export type ToolTable = {
  agent: string;
  capabilities: string[];
  rows: { path: string; cells: string[] }[];
};

/** How a cell is to be read, for under the table. */
export const TOOL_LEGEND =
  "yes: the outside saw it happen · asks: it waits for a person · rule, wall, no: refused by the settings, by the system, without a reason · –: not measured · disputed: it was said to be done, and the outside saw nothing. " +
  "In brackets, what is no tool: a plain process in the same sandbox, and programs that the agent starts by itself. Before a >, the sub-agent whose tool it is.";

/** From the rows of the tool plane alone; agents, paths and capabilities in the order in which they were measured. Tools that no canary fits have no row. */
export function toolTables(observations: readonly Observation[]): ToolTable[] {
  const tables = new Map<string, Map<string, Map<string, string>>>();
  const capabilities = new Map<string, Set<string>>();
  for (const row of observations) {
    if (checkOf(row.id) !== "tool-path") continue;
    const [, agent = "", path = "", capability] = /^tool-path:([^/]+)\/([^/]+)\/(.+)$/.exec(row.id) ?? [];
    if (capability === undefined) continue;
    const table = tables.get(agent) ?? new Map<string, Map<string, string>>();
    tables.set(agent, table);
    capabilities.set(agent, (capabilities.get(agent) ?? new Set()).add(capability));
    table.set(path, (table.get(path) ?? new Map<string, string>()).set(capability, marked(row)));
  }
  return [...tables].map(([agent, table]) => {
    const columns = [...(capabilities.get(agent) ?? [])];
    const rows = [...table].map(([path, cells]) => ({
      path,
      cells: columns.map((capability) => cells.get(capability) ?? ""),
    }));
    return { agent, capabilities: columns, rows };
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
