import type { Clock } from "../base/clock.ts";
import { CAPS, type Capped, type CapReason, type Caps, carry, enter, leave, noUse } from "./caps.ts";

/** What one sandbox has used of its caps while its channel is open. */
export type GuestCaps = {
  /** Null when it may ask; then `leave` is called once when that is over. */
  enter(): Capped | null;
  leave(): void;
  /** Counts bytes of either direction; says how many milliseconds to wait before more of them pass. */
  carry(bytes: number): number;
  /**
   * Is this refusal written down on its own? The first after a quiet second is; of the others in that second only their
   * number is, by `tell`, so that a flood fills neither the log nor the disk and is counted all the same.
   */
  isTold(reason: CapReason | "latched"): boolean;
};

const QUIET_MS = 1_000;

export function guestCaps(
  clock: Clock,
  tell: (reason: string, times: number) => void,
  caps: Caps = CAPS,
  quietMs = QUIET_MS,
): GuestCaps {
  let use = noUse(caps, clock.monotonicMs());
  let untold: Map<string, number> | undefined;
  const endSecond = () => {
    const counted = untold ?? new Map<string, number>();
    untold = undefined;
    for (const [reason, times] of counted) tell(reason, times);
  };
  return {
    enter() {
      const entered = enter(use, caps, clock.monotonicMs());
      use = entered.use;
      return entered.capped;
    },
    leave() {
      use = leave(use);
    },
    carry(bytes) {
      const carried = carry(use, caps, bytes, clock.monotonicMs());
      use = carried.use;
      return carried.waitMs;
    },
    isTold(reason) {
      if (untold === undefined) {
        untold = new Map();
        setTimeout(endSecond, quietMs);
        return true;
      }
      untold.set(reason, (untold.get(reason) ?? 0) + 1);
      return false;
    },
  };
}
