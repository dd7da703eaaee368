import type { Clock } from "../../base/clock.ts";

/**
 * Drills that CONTROL announced: one fake, once, from one sandbox, within a minute. They come over IPC, which no sandbox can
 * reach, so that nobody inside can pass a theft off as a drill.
 */
export type Drills = {
  announce(sandbox: string, fakeId: string): void;
  /** Was this one announced? It is used up by being asked for. */
  take(sandbox: string, fakeId: string): boolean;
};

/** The touching program has 20 s, and has to be started. */
const ANNOUNCED_MS = 60_000;

export function announcedDrills(clock: Clock): Drills {
  const until = new Map<string, number>();
  return {
    announce: (sandbox, fakeId) => void until.set(keyOf(sandbox, fakeId), clock.monotonicMs() + ANNOUNCED_MS),
    take(sandbox, fakeId) {
      const untilMs = until.get(keyOf(sandbox, fakeId));
      until.delete(keyOf(sandbox, fakeId));
      return untilMs !== undefined && clock.monotonicMs() <= untilMs;
    },
  };
}

function keyOf(sandbox: string, fakeId: string): string {
  return JSON.stringify([sandbox, fakeId]);
}
