import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../base/errors.ts";

/** How often a lease is renewed within its length, and how much sooner one that failed is tried anew. */
const RENEWALS = 3;
const SOONER = 4;

/**
 * Renews a lease from now on until it is stopped. A renewal that fails is told to `onFailure` and tried anew well within the
 * lease; when none goes through, the lease ends what it was for, which is the point of it.
 */
export function renewed(
  renew: () => Promise<void>,
  leaseMs: number,
  onFailure: (reason: string) => void = () => undefined,
): { stop(): void } {
  const stopping = new AbortController();
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal });
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const waitMs = await renew().then(
        () => leaseMs / RENEWALS,
        (thrown: unknown) => {
          onFailure(messageOf(thrown));
          return leaseMs / RENEWALS / SOONER;
        },
      );
      await pause(waitMs);
    }
  };
  run().catch((thrown: unknown) => {
    if (!stopping.signal.aborted) throw thrown;
  });
  return { stop: () => stopping.abort() };
}
