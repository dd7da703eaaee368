/**
 * Stopping. The latch is a file: once it is there, or cannot be looked at, everything stops and nothing starts until
 * a person rearms. The journal says what was going to be made before it is made. The watchdog is a process of its own,
 * built on Node alone, that kills by the journal without asking CONTROL.
 */

export type LatchState =
  | { status: "clear" }
  /** `why` is for people; an unreadable latch counts as set. */
  | { status: "set"; who: string; why: string; at: string };

/** What the journal holds of one process that must die: the start time defeats pid reuse. */
export type ProcessId = {
  pid: number /** Field 22 of /proc/<pid>/stat, clock ticks since boot. */;
  startTime: string;
};

export type JournalEntry =
  | { kind: "gateway"; cycle: string; process: ProcessId; at: string }
  /** The cycle goes on: its lease begins anew. */
  | { kind: "step"; cycle: string; step: string; at: string }
  | {
      kind: "intent";
      cycle: string;
      name: string;
      driver: string;
      /** What is known before it is born: a create whose reply is lost must be found, too. */
      hints: JournalHints;
      at: string;
      /** By then the create has ended one way or another. */
      deadline: string;
    }
  | {
      kind: "born";
      cycle: string;
      name: string;
      driver: string;
      processes: ProcessId[];
      hints: JournalHints;
      at: string;
    }
  | {
      kind: "dead";
      cycle: string;
      name: string;
      certificate: "destroyed" | "unverified";
      at: string;
      /** When the killing began: what came to be after that is none of its. */
      aliveUntil?: string;
    }
  /** A person's word that it is gone, where nobody can look. */
  | { kind: "forgotten"; cycle: string; name: string; at: string };

/** What the watchdog needs to end a sandbox without the backend's client. */
export type JournalHints = {
  /** Absolute paths of cgroup directories that hold only this sandbox. */
  cgroups?: string[];
  /** A string that stands in the command line of each of its helper processes. */
  commandLine?: string;
  /** Docker: engine socket and container name. */
  engineSocket?: string;
  /** Inodes of the network namespaces that are its own: whoever holds one after the end was left behind. */
  netns?: string[];
  /**
   * It stands at an outside service, for which the watchdog has no key: not renewed, its lease there ends it within so long.
   * Until then nobody here can say that it is gone.
   */
  leaseEndsWithinMs?: number;
};
