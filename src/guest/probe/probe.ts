import type { Category, Observation } from "../observation.ts";
import type { Facts } from "./facts.ts";
import type { Ground } from "./ground.ts";
import type { Tried } from "./network/try.ts";
import type { ProbeRequest } from "./request.ts";

/**
 * The probe: one process that looks at the sandbox it stands in and says, as typed rows, what could be used from here.
 *
 * It observes and does nothing else. It asks for the type and the permissions of a file, connects to a socket and
 * closes at once, and reads tables the kernel makes. It never reads what a secret or credential file holds, never
 * mounts, writes, signals or starts anything, and never calls the kernel blindly. Only where its owner says that a simulated
 * internet stands around the sandbox does it send something, a token and no more.
 *
 * How a row is to be read:
 *
 * - `reachable` is always the open door: the file can be read, the capability is held, the filter is not there. A row
 *   about a protection (`no-new-privs`, `syscall-boundary`, `kernel-sysctl:…`) is `reachable` when the protection is
 *   missing and `denied` when it holds.
 * - `denied` counts only with a positive control: the same kind of question, asked by this process, was answered. A
 *   denial whose control failed is turned into `not-measured` (see finish.ts).
 * - A check that throws, or that runs out of its time, leaves a `not-measured` row and a coverage line with the reason.
 *   It never leaves nothing: an empty answer is a failure.
 *
 * The boundary between this code and the kernel is named first (boundary.ts), because it decides what the rest means:
 * gVisor answers `Seccomp: 0` and a kernel of 2016, and is none the weaker for it.
 */

/** What one check found: a row without what runProbe knows anyway. */
export type Row = Omit<Observation, "category" | "from"> & {
  /** The path, socket or variable as the kernel knows it, to tell a stand-in of ours from the real thing. Not printed. */
  place?: string;
};

export type Seen = {
  rows: Row[];
  /** Set when a bound was met before everything was looked at: the coverage line then reads `degraded`. */
  fellShort?: string;
};

export type Check = {
  /** The observation ids of the check are this, or begin with this and a colon. */
  id: string;
  category: Category;
  /** Why the answer matters. */
  why: string;
  /** What it cannot see, and what that costs. */
  misses: string;
  /** Where the claim about the world comes from. */
  source: string;
  /** Only for the deep look, and for the check that waits for every attempt of the network ones; all others keep to the common ones. */
  bounds?: { rows: number; timeoutMs: number };
  run(context: Context): Promise<Seen>;
};

export type Context = {
  request: ProbeRequest;
  ground: Ground;
  facts: Facts;
  /** The environment that is being measured: this process's own. */
  environment: Readonly<Record<string, string | undefined>>;
  /** What became of the attempts to send something out, by id; begun before the first check. Absent where none are made. */
  tried?: Promise<ReadonlyMap<string, Tried>>;
};

/** One check's share of time; what is slower is not measured. Milliseconds. */
export const CHECK_MS_MAX = 2_000;
/** All checks together: agents end tools that run longer than 30 s. Milliseconds. */
export const PROBE_MS_MAX = 10_000;
/** Of one check; what is over is dropped and the check reads `degraded`. */
export const ROWS_MAX = 300;
