import type { ChildProcess } from "node:child_process";
import type { FromWatchdog, ToWatchdog } from "./watchdog.ts";

export type Pings = {
  /** Does it answer, now? */
  ask(): Promise<boolean>;
  /** Resolves, with the reason, when it has not answered for long. */
  mute: Promise<string>;
  stop(): void;
};

/** It is asked this often, also between creates. */
const PING_MS = 1_000;
/** So many of those in a row may stay without an answer: it may itself be short of the processor. */
const PINGS_MISSED_MAX = 8;

/**
 * Asks the watchdog whether it answers: on demand, and all the while. `mute` resolves when it has not for long. Counted in
 * our own timer's turns, so that an owner who was stopped himself does not take his own silence for the watchdog's.
 */
export function pings(child: ChildProcess, answerMs: number): Pings {
  let asked = 0;
  let answered = 0;
  const waiting = new Map<number, () => void>();
  const mute = Promise.withResolvers<string>();
  const send = (): number => {
    asked++;
    if (child.connected) child.send({ ping: asked } satisfies ToWatchdog, () => undefined);
    return asked;
  };
  child.on("message", (message: FromWatchdog) => {
    if (message.status !== "pong") return;
    answered = Math.max(answered, message.ping);
    waiting.get(message.ping)?.();
  });
  let turns = 0;
  let seen = 0;
  const timer = setInterval(() => {
    turns = answered > seen ? 0 : turns + 1;
    seen = answered;
    if (turns > PINGS_MISSED_MAX) mute.resolve("the watchdog does not answer");
    else send();
  }, PING_MS);
  timer.unref();
  return {
    mute: mute.promise,
    stop: () => clearInterval(timer),
    ask: () =>
      new Promise<boolean>((resolve) => {
        const number = send();
        const settle = (isAnswered: boolean) => {
          clearTimeout(late);
          waiting.delete(number);
          resolve(isAnswered);
        };
        // Whatever came meanwhile is read first: we may have been the one who slept.
        const late = setTimeout(() => setImmediate(() => settle(false)), answerMs);
        waiting.set(number, () => settle(true));
      }),
  };
}
