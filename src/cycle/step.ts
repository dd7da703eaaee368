import type { Clock } from "../base/clock.ts";
import { messageOf, Stopped, throwIfStopped } from "../base/errors.ts";
import type { Ledger } from "../ledger/ledger.ts";

/** Runs one named step: looks at the kill switch, leaves a leaf at start and end, tells the terminal, takes the time. */
export type Step = <T>(name: string, work: () => Promise<T> | T) => Promise<T>;

export type Timing = { step: string; ms: number; sandboxMs: number };

/** What the terminal shows of a step as it ends; `note` is what the step returned through `say`. */
export type Progress = {
  began(step: string): void;
  ended(timing: Timing): void;
  failed(step: string, message: string): void;
};

export type Stepper = {
  step: Step;
  timings: Timing[];
  /** Wraps a wait for a sandbox, so that its time is told apart from ours. Overlapping waits count once. */
  inSandbox<T>(wait: () => Promise<T>): Promise<T>;
};

export function stepper(input: {
  cycle: string;
  ledger: Ledger;
  clock: Clock;
  signal: AbortSignal;
  progress: Progress;
}): Stepper {
  const { cycle, ledger, clock, signal, progress } = input;
  const watch = stopwatch(clock);
  const timings: Timing[] = [];
  const leaf = (kind: string, payload: Record<string, unknown>) =>
    ledger.append({ kind, actor: { kind: "cycle", name: "cycle" }, cycle, payload });
  return {
    timings,
    inSandbox: (wait) => watch.during(wait),
    async step(name, work) {
      throwIfStopped(signal);
      leaf("step.started", { step: name });
      progress.began(name);
      const startMs = clock.monotonicMs();
      const sandboxStartMs = watch.totalMs();
      try {
        const result = await work();
        const timing = { step: name, ms: clock.monotonicMs() - startMs, sandboxMs: watch.totalMs() - sandboxStartMs };
        timings.push(timing);
        leaf("step.ended", { step: name, ms: Math.round(timing.ms) });
        progress.ended(timing);
        return result;
      } catch (thrown) {
        progress.failed(name, messageOf(thrown));
        if (!signal.aborted && !(thrown instanceof Stopped))
          leaf("step.failed", { step: name, message: messageOf(thrown).slice(0, 500) });
        throw thrown;
      }
    },
  };
}

/** Adds up the time during which at least one wait is under way. */
function stopwatch(clock: Clock) {
  let waits = 0;
  let sinceMs = 0;
  let doneMs = 0;
  return {
    totalMs: () => doneMs + (waits > 0 ? clock.monotonicMs() - sinceMs : 0),
    async during<T>(wait: () => Promise<T>): Promise<T> {
      if (waits++ === 0) sinceMs = clock.monotonicMs();
      try {
        return await wait();
      } finally {
        if (--waits === 0) doneMs += clock.monotonicMs() - sinceMs;
      }
    },
  };
}
