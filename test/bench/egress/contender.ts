import type { ChildProcess } from "node:child_process";
import type { Kind } from "./wire.ts";

/** What the contenders stand on. */
export type Ground = {
  /** Each one's own; not there yet, in one that everybody may enter. */
  directory: string;
  origin: { key: string; cert: string };
  load: ChildProcess;
};

/** One proxy of the race. */
export type Contender = {
  name: string;
  kinds: readonly Kind[];
  /** Up and listening, or why it cannot be measured here. */
  start(ground: Ground): Promise<Running | { missing: string }>;
};

export type Running = {
  /** Null when it is reached over the channel that the load process was given. */
  port: number | null;
  /** Under which it terminates, PEM. */
  certificate: string;
  close(): Promise<void>;
};

export const BY_HAND = "node src/setup.mjs --scoreboard";
