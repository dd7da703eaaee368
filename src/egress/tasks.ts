import type { Task } from "../guest/wire.ts";

/**
 * Work for one guest, at the gateway's end: CONTROL lays a task down, the guest's long poll takes it up, and only a task
 * that was taken up can be handed in, once.
 */
export type TaskDesk = {
  lay(task: Task): void;
  /** CONTROL does not wait for it any longer; a result that still comes is taken and thrown away. */
  drop(id: string): void;
  /** The next task, or null after `waitMs`, when `signal` aborts, or when a newer poll takes this one's place. */
  take(waitMs: number, signal: AbortSignal): Promise<Task | null>;
  standing(id: string): "awaited" | "dropped" | "unknown";
  handIn(id: string): void;
};

/** How many dropped ids are kept; CONTROL drops one only when it stops waiting. */
const DROPPED_MAX = 100;

export function taskDesk(): TaskDesk {
  const laid: Task[] = [];
  const taken = new Set<string>();
  const dropped: string[] = [];
  let poll: ((task: Task | null) => void) | undefined;

  const pass = () => {
    if (poll === undefined || laid.length === 0) return;
    const task = laid.shift();
    if (task === undefined) return;
    taken.add(task.id);
    poll(task);
  };
  return {
    lay(task) {
      laid.push(task);
      pass();
    },
    drop(id) {
      const at = laid.findIndex((task) => task.id === id);
      if (at >= 0) laid.splice(at, 1);
      if (!taken.delete(id)) return;
      dropped.push(id);
      if (dropped.length > DROPPED_MAX) dropped.shift();
    },
    take(waitMs, signal) {
      poll?.(null);
      return new Promise((resolve) => {
        const settle = (task: Task | null) => {
          clearTimeout(timer);
          signal.removeEventListener("abort", leave);
          if (poll === settle) poll = undefined;
          resolve(task);
        };
        const leave = () => settle(null);
        const timer = setTimeout(leave, waitMs);
        poll = settle;
        if (signal.aborted) return leave();
        signal.addEventListener("abort", leave, { once: true });
        pass();
      });
    },
    standing(id) {
      if (taken.has(id)) return "awaited";
      return dropped.includes(id) ? "dropped" : "unknown";
    },
    handIn(id) {
      taken.delete(id);
    },
  };
}
