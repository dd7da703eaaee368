import type { Clock } from "../base/clock.ts";
import type { Rule } from "./allowlist.ts";

/**
 * The day by which rules expire, UTC, as in 2027-01-31. It goes on with whichever is further, the wall clock or the time that has
 * passed since the start, and never back: a clock that is set back revives no rule and lengthens none, one that is set ahead
 * ends them early.
 */
export function ruleDay(clock: Clock): () => string {
  const startedAtMs = clock.now().getTime();
  const startedAt = clock.monotonicMs();
  let latestMs = startedAtMs;
  return () => {
    latestMs = Math.max(latestMs, clock.now().getTime(), startedAtMs + clock.monotonicMs() - startedAt);
    return dayOf(new Date(latestMs));
  };
}

export function dayOf(now: Date): string {
  return now.toISOString().slice(0, 10);
}

/** It holds on its last day, and not on the next. */
export function isExpired({ expires }: Pick<Rule, "expires">, today: string): boolean {
  return expires !== undefined && expires < today;
}
