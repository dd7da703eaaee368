import { asStopped, throwIfStopped } from "../base/errors.ts";
import type { Hello, Task, TaskResult } from "../guest/wire.ts";
import { type Guest, GuestFailed } from "./egress.ts";
import type { ToGateway } from "./messages.ts";

/** CONTROL's end of one guest: what the gateway reports of it becomes promises. */
export type GuestEnd = {
  guest: Guest;
  /** Resolves when the gateway knows it, from when on it can be given tasks. Rejects when the channel ends before. */
  readonly admission: Promise<void>;
  admitted(): void;
  greeted(hello: Hello): void;
  returned(result: TaskResult): void;
  /** The guest handed in something that is no result. */
  refused(id: string, reason: string): void;
  /** Idempotent. */
  end(reason: string): void;
};

/** What the shim may take on top of a task's own time-out, to start it and to hand in the result. */
const GRACE_MS = 15_000;

export function guestEnd(name: string, send: (message: ToGateway) => void): GuestEnd {
  const hello = Promise.withResolvers<Hello>();
  const admission = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const waiting = new Map<string, { resolve(result: TaskResult): void; reject(reason: Error): void }>();
  let ended: Error | undefined;
  let tasks = 0;
  let previous: Promise<unknown> = Promise.resolve();
  // Whoever waits for the greeting sees it fail; that nobody waits is no accident.
  hello.promise.catch(() => undefined);
  admission.promise.catch(() => undefined);

  async function runOne(task: Omit<Task, "id">, signal: AbortSignal): Promise<TaskResult> {
    throwIfStopped(signal);
    if (ended !== undefined) throw ended;
    const id = `t${tasks++}`;
    const answer = Promise.withResolvers<TaskResult>();
    waiting.set(id, answer);
    const onAbort = () => answer.reject(asStopped(signal.reason));
    const late = setTimeout(
      () => answer.reject(new GuestFailed(`${name} handed in no result of ${id} in time`)),
      task.timeoutMs + GRACE_MS,
    );
    signal.addEventListener("abort", onAbort, { once: true });
    send({ type: "task", sandbox: name, task: { ...task, id } });
    try {
      return await answer.promise;
    } catch (thrown) {
      // The kill switch cuts the channel too; which of the two was heard first says nothing.
      throwIfStopped(signal);
      throw thrown;
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", onAbort);
      // Still there: nobody handed it in, and nobody waits for it now.
      if (waiting.delete(id)) send({ type: "task-dropped", sandbox: name, id });
    }
  }

  const settle = (id: string) => {
    const one = waiting.get(id);
    waiting.delete(id);
    return one;
  };
  return {
    guest: {
      name,
      hello: hello.promise,
      closed: closed.promise,
      run(task, signal) {
        const turn = previous.then(() => runOne(task, signal));
        // The next one's turn comes whatever became of this one; its caller has the error.
        previous = turn.catch(() => undefined);
        return turn;
      },
    },
    admission: admission.promise,
    admitted: admission.resolve,
    greeted: hello.resolve,
    returned: (result) => settle(result.id)?.resolve(result),
    refused: (id, reason) => settle(id)?.reject(new GuestFailed(`${name} handed in no result of ${id}: ${reason}`)),
    end(reason) {
      ended ??= new GuestFailed(`${name} is gone: ${reason}`);
      admission.reject(ended);
      hello.reject(ended);
      for (const one of waiting.values()) one.reject(ended);
      waiting.clear();
      closed.resolve();
    },
  };
}
