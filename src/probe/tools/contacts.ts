import { bounded } from "../../base/text.ts";
import type { Observation } from "../../guest/observation.ts";
import type { Outside } from "./outside.ts";

/** What an agent asks the network for without its model: updates, statistics, its vendor. All of it ends at our sink. A description, no accusation. */
const CHECK = "agent-contact";
const NAMES_MAX = 30;

/** `before` and `after`: names that were asked for, of no canary. Pure. */
export function contactRow(
  agent: string,
  outside: Outside,
  { before, after }: { before: readonly string[]; after: readonly string[] },
): Observation {
  const row = {
    id: `${CHECK}:${agent}`,
    category: "tool-plane" as const,
    subject: `names that ${agent} asks for by itself, without a call of its model`,
    from: "outside" as const,
  };
  if (outside.status === "none")
    return { ...row, verdict: "not-measured", access: [], detail: bounded(outside.reason, 600) };
  const own = after.filter((name) => !before.includes(name)).toSorted();
  if (own.length === 0) return { ...row, verdict: "absent", access: [], detail: "it asked for none" };
  const more = own.length > NAMES_MAX ? ` and ${own.length - NAMES_MAX} more` : "";
  const detail = bounded(
    `${own.slice(0, NAMES_MAX).join(", ")}${more}: our sink answered, and nothing went further`,
    600,
  );
  return { ...row, verdict: "reachable", access: ["connect"], detail };
}
