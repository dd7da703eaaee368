/** Time comes in as an argument, so that a test can hold it still. */
export type Clock = {
  /** Wall time. */
  now(): Date;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number;
};

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
};

/** A pause that ends early, by throwing Stopped's cause, when the signal aborts. */
export { setTimeout as sleep } from "node:timers/promises";
