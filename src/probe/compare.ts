import { checkOf, type Observation, type ProbeReport } from "../guest/observation.ts";
import type { Outside } from "./outside.ts";

export type Agreement = { agreeing: number; contradictory: Observation[] };

/**
 * The two views of one fact, held against each other. Where one says open and the other closed, the inside row is
 * handed back as `contradictory`. A kernel of its own shows the host another process than the one inside, so there is
 * nothing to compare; that there is one is the host's observation, for a guest could say so to be left alone.
 */
export function compareViews(inside: ProbeReport, outside: Outside): Agreement {
  if (outside.process !== "guest") return { agreeing: 0, contradictory: [] };
  const seen = new Map(outside.observations.map((row) => [row.id, row]));
  const contradictory: Observation[] = [];
  let agreeing = 0;
  for (const row of inside.observations) {
    const other = seen.get(row.id);
    if (other === undefined || !["reachable", "denied", "absent"].includes(row.verdict)) continue;
    if (isAgreed(row, other)) agreeing++;
    else contradictory.push(contradiction(row, other));
  }
  return { agreeing, contradictory: [...contradictory, ...unlisted(inside, outside)] };
}

function isAgreed(inside: Observation, outside: Observation): boolean {
  const isOpen = inside.verdict === "reachable";
  if (checkOf(inside.id) === "mount") return inside.access.includes("write") === outside.access.includes("write");
  // Whether the root can be written is decided by permissions too, which the mount's flag does not show.
  return isOpen === (outside.verdict === "reachable") || (inside.id === "root-filesystem" && !isOpen);
}

/** Mounts that the host sees and the inside's table leaves out, where it shows any and shows them all. */
function unlisted(inside: ProbeReport, outside: Outside): Observation[] {
  const listed = new Set(inside.observations.map(({ id }) => id.replace(/^own:/, "")));
  const isShown = inside.observations.some(({ id, verdict }) => checkOf(id) === "mount" && verdict === "reachable");
  const isCut = inside.checks.some(({ check, status }) => check === "mount" && status !== "ran");
  if (!isShown || isCut) return [];
  return outside.observations
    .filter(({ id }) => checkOf(id) === "mount" && !listed.has(id))
    .map((row) => ({
      ...row,
      verdict: "contradictory",
      access: [],
      from: inside.from,
      detail: `not in the table inside; outside: ${row.detail}`,
    }));
}

function contradiction(inside: Observation, outside: Observation): Observation {
  const { control: _, ...rest } = inside;
  const detail = `inside: ${inside.verdict}, ${inside.detail}; outside: ${outside.verdict}, ${outside.detail}`;
  return { ...rest, verdict: "contradictory", access: [], detail: detail.slice(0, 600) };
}
