import type { Source } from "../../sources/source.ts";

const DAY_MS = 86_400_000;

/** @param from ISO 8601. What lies in the future, after a jump of the clock, is stale: nothing can be said of it. */
export function age(from: string, source: Source, now: Date): { days: number; isStale: boolean } {
  const days = Math.floor((now.getTime() - Date.parse(from)) / DAY_MS);
  return { days, isStale: days < 0 || days > source.freshness.staleDays };
}
