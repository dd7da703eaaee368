import { type Access, checkOf, type Observation, type ProbeReport, type Verdict } from "../guest/observation.ts";

/** One observation that changed, as two words each way: what was said before and after. */
export type Change = { id: string; before: string; after: string; why: string };

/**
 * What changed between two measurements. `widened` something opened, or opened further · `narrowed` the other way ·
 * `moved` it is as open as before in another way · `unknown` one of the two could not say.
 */
export type Diff = { widened: Change[]; narrowed: Change[]; moved: Change[]; unknown: Change[]; unchanged: number };

/** Pure. Rows are matched by id; details, times and numbers in them do not count. */
export function diffReports(before: ProbeReport, after: ProbeReport): Diff {
  const diff: Diff = { widened: [], narrowed: [], moved: [], unknown: [], unchanged: 0 };
  const was = new Map(before.observations.map((row) => [row.id, row]));
  const is = new Map(after.observations.map((row) => [row.id, row]));
  for (const id of [...new Set([...was.keys(), ...is.keys()])].sort()) {
    const compared = compareSays(sayOf(id, was, before), sayOf(id, is, after));
    if (compared.to === "unchanged") diff.unchanged++;
    else diff[compared.to].push({ id, ...compared.change });
  }
  return diff;
}

/** What a report says of one id. */
export type Say =
  | { kind: "open"; verdict: Verdict; access: readonly Access[] }
  | { kind: "closed" | "unknown"; verdict: Verdict | "not asked" };

/** A row that is missing is absent when its check ran, and unknown when it did not run to its end. */
export function sayOf(id: string, rows: ReadonlyMap<string, Observation>, report: ProbeReport): Say {
  const row = rows.get(id);
  if (row === undefined) {
    const plain = id.startsWith("own:") ? id.slice("own:".length) : id;
    const hasRun = report.checks.some((run) => run.check === checkOf(plain) && run.status === "ran");
    return hasRun ? { kind: "closed", verdict: "absent" } : { kind: "unknown", verdict: "not asked" };
  }
  switch (row.verdict) {
    case "reachable":
    case "decoy-reached":
      return { kind: "open", verdict: row.verdict, access: row.access };
    case "denied":
    case "absent":
      return { kind: "closed", verdict: row.verdict };
    case "not-measured":
    case "contradictory":
      return { kind: "unknown", verdict: row.verdict };
  }
}

export type Compared =
  | { to: "unchanged" }
  | { to: "widened" | "narrowed" | "moved" | "unknown"; change: Omit<Change, "id"> };

/** Pure. One id, said twice. */
export function compareSays(before: Say, after: Say): Compared {
  const change = (why: string) => ({ before: textOf(before), after: textOf(after), why });
  if (before.kind === "unknown" || after.kind === "unknown") {
    if (before.verdict === after.verdict) return { to: "unchanged" };
    return {
      to: "unknown",
      change: change(`${before.kind === "unknown" ? "before" : "after"}, it could not be said`),
    };
  }
  if (before.kind === "open" && after.kind === "open") return compareAccess(before, after, change);
  if (after.kind === "open") return { to: "widened", change: change("it opened") };
  if (before.kind === "open") return { to: "narrowed", change: change("it closed") };
  if (before.verdict === after.verdict) return { to: "unchanged" };
  return { to: "moved", change: change("closed in another way") };
}

function compareAccess(
  before: Extract<Say, { kind: "open" }>,
  after: Extract<Say, { kind: "open" }>,
  change: (why: string) => Omit<Change, "id">,
): Compared {
  const gained = after.access.filter((access) => !before.access.includes(access));
  const lost = before.access.filter((access) => !after.access.includes(access));
  if (gained.length > 0 && lost.length > 0) {
    return { to: "moved", change: change(`gained ${gained.join(", ")} and lost ${lost.join(", ")}`) };
  }
  if (gained.length > 0) return { to: "widened", change: change(`gained ${gained.join(", ")}`) };
  if (lost.length > 0) return { to: "narrowed", change: change(`lost ${lost.join(", ")}`) };
  if (before.verdict !== after.verdict) return { to: "moved", change: change("something else answers") };
  return { to: "unchanged" };
}

function textOf(say: Say): string {
  return say.kind === "open" && say.access.length > 0 ? `${say.verdict} (${say.access.join(", ")})` : say.verdict;
}
