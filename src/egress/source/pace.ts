import type { Clock } from "../../base/clock.ts";

/**
 * One request at a time to a host, and as far apart as the host's sources want. What a host asks for with Retry-After
 * is kept by everyone who comes after.
 */
export type Pace = {
  /** Waits for its turn. `late` when that would take longer than `waitMsMax`: then nothing is held. */
  enter(host: string, intervalMs: number, signal: AbortSignal): Promise<Turn>;
  /** Nobody enters before so many milliseconds have passed. */
  hold(host: string, forMs: number): void;
};

export type Turn =
  | { status: "entered" /** To be called once, when the request is over. */; leave(): void }
  | { status: "late" /** When to come again. */; waitMs: number };

type Host = { isBusy: boolean; nextMs: number; waiting: (() => void)[] };

export function pace(clock: Clock, waitMsMax = 20_000): Pace {
  const hosts = new Map<string, Host>();
  const of = (name: string): Host => {
    const host = hosts.get(name) ?? { isBusy: false, nextMs: 0, waiting: [] };
    hosts.set(name, host);
    return host;
  };
  return {
    async enter(name, intervalMs, signal) {
      const host = of(name);
      const deadline = clock.monotonicMs() + waitMsMax;
      for (;;) {
        signal.throwIfAborted();
        const now = clock.monotonicMs();
        const waitMs = host.nextMs - now;
        if (now > deadline || now + waitMs > deadline)
          return { status: "late", waitMs: Math.max(waitMs, intervalMs) };
        if (!host.isBusy && waitMs <= 0) break;
        await change(host, host.isBusy ? deadline - now + 1 : waitMs, signal);
      }
      host.isBusy = true;
      host.nextMs = Math.max(host.nextMs, clock.monotonicMs() + intervalMs);
      return {
        status: "entered",
        leave() {
          host.isBusy = false;
          for (const wake of host.waiting.splice(0)) wake();
        },
      };
    },
    hold(name, forMs) {
      const host = of(name);
      host.nextMs = Math.max(host.nextMs, clock.monotonicMs() + forMs);
    },
  };
}

/** Until someone leaves, the time is over, or the signal aborts. */
function change(host: Host, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", settle);
      resolve();
    };
    const timer = setTimeout(settle, ms);
    signal.addEventListener("abort", settle, { once: true });
    host.waiting.push(settle);
  });
}
