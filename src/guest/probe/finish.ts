import type { Observation, Verdict } from "../observation.ts";
import type { Check, Row } from "./probe.ts";
import type { ProbeRequest } from "./request.ts";

/**
 * From the rows of one check to observations: our own machinery and stand-ins of ours are named as such, a denial without a working control
 * becomes not-measured, two rows of one id become the one that says more, and all are put in order of id.
 */
export function finish(
  check: Check,
  rows: readonly Row[],
  controls: readonly Row[],
  request: ProbeRequest,
): Observation[] {
  const standIns = new Set(request.standIns);
  const ours = new Set(request.ours);
  const working = new Set(controls.filter((row) => row.verdict === "reachable").map((row) => row.id));
  const byId = new Map<string, Observation>();
  for (const row of rows) {
    const observation = asObservation(controlled(asDecoy(asOwn(row, ours), standIns), working), check, request);
    const other = byId.get(observation.id);
    if (other === undefined || STRENGTH[observation.verdict] > STRENGTH[other.verdict]) {
      byId.set(observation.id, observation);
    }
  }
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

const STRENGTH: Record<Verdict, number> = {
  reachable: 5,
  "decoy-reached": 4,
  contradictory: 3,
  denied: 2,
  "not-measured": 1,
  absent: 0,
};

function asOwn(row: Row, ours: ReadonlySet<string>): Row {
  if (row.place === undefined || !ours.has(row.place)) return row;
  return { ...row, id: `own:${row.id}`, detail: `${row.detail}; part of the machinery that measures` };
}

function asDecoy(row: Row, standIns: ReadonlySet<string>): Row {
  if (row.place === undefined || row.verdict !== "reachable" || !standIns.has(row.place)) return row;
  return { ...row, verdict: "decoy-reached", detail: `${row.detail}; a stand-in of ours` };
}

function controlled(row: Row, working: ReadonlySet<string>): Row {
  if (row.verdict !== "denied" || (row.control !== undefined && working.has(row.control))) return row;
  const { control, ...rest } = row;
  return {
    ...rest,
    verdict: "not-measured",
    detail: `refused (${row.detail}), but ${control ?? "no control"} did not work either, so it proves nothing`,
  };
}

function asObservation(row: Row, check: Check, request: ProbeRequest): Observation {
  return {
    id: row.id,
    category: check.category,
    subject: printable(row.subject, 300),
    verdict: row.verdict,
    access: row.access,
    from: request.vantage,
    ...(row.control === undefined ? {} : { control: row.control }),
    detail: printable(row.detail, 600),
  };
}

/** One line of printable characters, in bounds: names inside a sandbox are chosen by whoever is in it. */
function printable(text: string, charactersMax: number): string {
  return text.replace(/[^\x20-\x7e]/gu, "?").slice(0, charactersMax);
}
