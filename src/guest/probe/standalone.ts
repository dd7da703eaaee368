import { isExposure } from "../exposure.ts";
import type { Category, Observation, ProbeReport } from "../observation.ts";
import type { ProbeRequest } from "./request.ts";

/**
 * The probe where nobody asks it by a request: one file that a person copied into a sandbox and starts there by hand. It takes a
 * few long flags, looks from where it stands, and shows a short table or the whole report.
 */
export type Standalone = { status: "help" } | { status: "run"; request: ProbeRequest; isTable: boolean };

export const USAGE = `usage: node weakdoor-probe.mjs [--table | --json] [--deep] [--home DIR] [--workspace DIR]
looks at the sandbox it stands in; a table at a terminal, else the report as JSON.
exit codes: 0 everything was looked at, 2 a bad argument, 20 some of it was not`;

/** `cwd`: the workspace when none is named, unless it is the root of everything. Throws TypeError for a flag that is not known, and for one without its value. */
export function standalone(
  argv: readonly string[],
  { cwd, isTerminal }: { cwd: string; isTerminal: boolean },
): Standalone {
  const request: ProbeRequest = {
    vantage: "target",
    ...(cwd === "/" ? {} : { workspace: cwd }),
    standIns: [],
    ours: [],
    isPassive: false,
    isDeep: false,
    host: { namespaces: {} },
  };
  let isTable = isTerminal;
  const words = argv.values();
  for (const word of words) {
    if (word === "--help") return { status: "help" };
    else if (word === "--table") isTable = true;
    else if (word === "--json") isTable = false;
    else if (word === "--deep") request.isDeep = true;
    else if (word === "--home") request.home = directory(word, words.next().value);
    else if (word === "--workspace") request.workspace = directory(word, words.next().value);
    else throw new TypeError(`${printable(word)} is no flag of mine\n${USAGE}`);
  }
  return { status: "run", request, isTable };
}

function directory(flag: string, path: string | undefined): string {
  if (path?.startsWith("/") === true) return path;
  throw new TypeError(`${flag} asks for an absolute path\n${USAGE}`);
}

/** For a person: how many doors of each category stand open, which, and what was not looked at. */
export function tableOf(report: ProbeReport): string {
  const open = report.observations.filter(isExposure);
  const unmeasured = report.observations.filter(({ verdict }) => verdict === "not-measured");
  const lines = [
    `boundary ${report.boundary}, runtime ${report.runtime}: ${report.observations.length} rows in ${report.durationMs} ms, ${open.length} open`,
  ];
  for (const category of categoriesOf(report)) {
    const rows = open.filter((row) => row.category === category);
    lines.push("", `${category.padEnd(16)} ${rows.length === 0 ? "nothing open" : `${rows.length} open`}`);
    for (const same of byCheck(rows)) {
      for (const { id, access, detail } of same.slice(0, ROWS_SHOWN_MAX))
        lines.push(`  ${printable(id)}  ${access.join(", ")}  ${printable(detail).slice(0, 100)}`);
      if (same.length > ROWS_SHOWN_MAX) lines.push(`  and ${same.length - ROWS_SHOWN_MAX} more of the same check`);
    }
  }
  lines.push("", `${unmeasured.length} rows not measured; --json shows all of it`);
  for (const { check, status, reason } of report.checks)
    if (status !== "ran") lines.push(`${check} ${status}: ${printable(reason)}`);
  return lines.join("\n");
}

/** Of one check; a table stays short when a check has many instances. */
const ROWS_SHOWN_MAX = 4;

function byCheck(rows: readonly Observation[]): Observation[][] {
  const groups = new Map<string, Observation[]>();
  for (const row of rows) {
    const check = row.id.split(":", 1)[0] ?? row.id;
    groups.set(check, [...(groups.get(check) ?? []), row]);
  }
  return [...groups.values()];
}

function categoriesOf({ checks }: ProbeReport): Category[] {
  return [...new Set(checks.map(({ category }) => category))].sort();
}

/** Names inside a sandbox are chosen by whoever is in it. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, "?").slice(0, 300);
}
