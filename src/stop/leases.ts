import type { JournalEntry } from "./stop.ts";

/**
 * Leases: what can be said against an owner whose heart beats. A heart shows that the event loop turns, not that anything
 * comes of it, so each create and each step has a time, and the whole cycle has one. The journal renews them: whatever the
 * owner writes there is progress, since it writes before and after all that it does to a sandbox, and as each step begins.
 */
export type Leases = {
  /** A whole cycle, and never renewed. */
  cycleMs: number;
  /** From one journal entry of the cycle to the next. */
  stepMs: number;
  /** A create, beyond its own deadline in the journal: for the abort, the kill and the looks that follow it. */
  createGraceMs: number;
};

/** The longest that a step may rightly keep silent is a study, of ten minutes. */
export const LEASES: Leases = { cycleMs: 6 * 60 * 60_000, stepMs: 30 * 60_000, createGraceMs: 20_000 };

/**
 * Given the journal again and again, says what ran out, or undefined. Durations are measured by the reader's own clock from
 * when it first saw an entry: a jump of the wall time ends nothing.
 */
export function leaseWatch(
  cycle: string,
  leases: Leases,
  nowMs: () => number = () => performance.now(),
): (entries: readonly JournalEntry[]) => string | undefined {
  const startedMs = nowMs();
  let last = "null";
  let progressedMs = startedMs;
  let creates = new Map<string, number>();
  return (entries) => {
    const now = nowMs();
    const mine = entries.filter((entry) => entry.cycle === cycle);
    const newest = JSON.stringify(mine.at(-1) ?? null);
    if (newest !== last) {
      last = newest;
      progressedMs = now;
    }
    const open = underWay(mine);
    creates = new Map(open.map(({ name }) => [name, creates.get(name) ?? now]));
    for (const { name, at, deadline } of open) {
      const allowedMs = Date.parse(deadline) - Date.parse(at) + leases.createGraceMs;
      if (now - (creates.get(name) ?? now) > allowedMs)
        return `the create of ${name} has hung for over ${allowedMs} ms`;
    }
    if (now - startedMs > leases.cycleMs) return `the cycle has lived for over ${leases.cycleMs} ms`;
    if (now - progressedMs > leases.stepMs) return `the cycle has not moved for over ${leases.stepMs} ms`;
    return undefined;
  };
}

type Intent = Extract<JournalEntry, { kind: "intent" }>;

/** Intended, and neither born nor ended, in whatever way. */
function underWay(entries: readonly JournalEntry[]): Intent[] {
  const open = new Map<string, Intent>();
  for (const entry of entries) {
    if (entry.kind === "intent") open.set(entry.name, entry);
    else if (entry.kind === "born" || entry.kind === "dead" || entry.kind === "forgotten") open.delete(entry.name);
  }
  return [...open.values()];
}
