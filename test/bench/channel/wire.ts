import type { Task, TaskResult } from "../../../src/guest/wire.ts";

/** What the bench asks of its guest, and hears of it, through the process that serves the channel. */
export type Job = { kind: "down" | "up"; bytes: number } | { kind: "run"; task: Task };
export type Done = { kind: "done"; result: TaskResult | null };

export const CHUNK_BYTES = 64 * 1024;
