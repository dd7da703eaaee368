import type { Duplex } from "node:stream";
import type { JournalHints } from "../stop/stop.ts";
import type { Lookout } from "./lookout.ts";

/**
 * A sandbox: a process tree with no network interface whose only link to the world is one byte stream, `channel`, the
 * standard input and output of its first process, our shim. A driver is a small object that makes, finds and ends
 * them; `contract.ts` is what each of them must pass; `all.ts` is the list. A target whose own sandbox has a network is joined to a
 * simulated one afterwards, which ends in a sink of ours (probe/internet).
 */

/** Weakest first. The lab takes the strongest that really boots. */
export const ISOLATIONS = ["container", "gvisor", "microvm"] as const;
export type Isolation = (typeof ISOLATIONS)[number];

/** `docker-<runtime>` is a container of a Docker engine by the runtime that the engine has registered under that name. */
export type DriverKind = "bubblewrap" | "srt" | "runsc" | "qemu" | "e2b" | `docker-${string}`;

/** Of a driver's name that came from outside. */
export function isDriverKind(text: string): text is DriverKind {
  return /^(?:bubblewrap|srt|runsc|qemu|e2b|docker-[A-Za-z0-9][A-Za-z0-9._-]{0,62})$/.test(text);
}

/** `target` the agent's sandbox rebuilt · `lab` the researcher's · `scratch` a short-lived one for a proof or a preflight. */
export type Role = "target" | "lab" | "scratch";

export type Mount =
  | { kind: "bind"; source: string; path: string; mode: "ro" | "rw" }
  | { kind: "tmpfs"; path: string; sizeMiB: number };

/** How the sandbox is confined. The lab and scratch ones take `STRICT`; a target repeats what its stack declares. */
export type Confinement = {
  /** Linux capabilities that stay, as CAP_NAMES; empty: all are dropped. */
  capabilities: readonly string[];
  noNewPrivileges: boolean;
  /**
   * `strict`: our profile, see sandboxes/seccomp; `nested`: with its rules for a room in which a tool makes namespaces, by bubblewrap
   * alone, elsewhere as `strict`; `none`: no filter, only for a target whose stack declares it.
   */
  seccomp: "strict" | "nested" | "none";
  readOnlyRoot: boolean;
};

export const STRICT: Confinement = {
  capabilities: [],
  noNewPrivileges: true,
  seccomp: "strict",
  readOnlyRoot: true,
};

export type SandboxSpec = {
  /** `wd-<cycle>-<role>-<n>`: deterministic, so that a lost reply is found by name. */
  name: string;
  cycle: string;
  role: Role;
  /** A directory that is the root file system (see image.ts); never written to. */
  rootfs: string;
  /** A directory that is mounted read-only at GUEST_DIR: the guest runtime (see image.ts). */
  guest: string;
  mounts: readonly Mount[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** Numeric user and group inside. */
  uid: number;
  gid: number;
  limits: { memoryMiB: number; cpus: number; pids: number };
  confinement: Confinement;
  /**
   * For a driver that rebuilds a sandbox from the settings file of a tool (srt): its content, in which `~` is `env.HOME` and
   * `.` is `cwd`. Others ignore it.
   */
  settings?: Readonly<Record<string, unknown>>;
  /**
   * For a driver whose guests have a network stack of their own (runsc): an interface that leads nowhere until somebody joins its
   * other end to something. Others ignore it; without one a sandbox has none.
   */
  interface?: Interface;
};

/** A pair of interfaces: `name`, with these addresses and routes, is the guest's, and `peer` lies beside it. */
export type Interface = Readonly<Record<"name" | "peer" | "address" | "gateway" | "address6" | "gateway6", string>>;

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

/** A sandbox that is alive. `kill` is SIGKILL semantics only: there is no graceful stop. */
export type Sandbox = {
  readonly name: string;
  readonly role: Role;
  readonly driver: DriverKind;
  readonly isolation: Isolation;
  /** Host pid of a process whose end is the sandbox's end, for the outside-in look. */
  readonly pid: number;
  /**
   * Raw bytes both ways, back-pressure honoured. A socket that nobody has read from (see socketPair.ts) is given to the
   * gateway process as it is; any other stream is pumped by CONTROL, byte by byte.
   */
  readonly channel: Duplex;
  readonly exited: Promise<Exit>;
  /** What the watchdog needs to end it without us, beside `pid` and its name in command lines. */
  readonly hints?: JournalHints;
  /** The last bytes of the first process's standard error: the guest's word, at most 16 KiB. */
  stderrTail(): string;
  /** Resolves when the driver believes it dead. Idempotent. What is true is said by the certificate, not by this. */
  kill(): Promise<void>;
};

export type Availability = { status: "ready"; version: string } | { status: "missing"; reason: string; hint: string };

/** One look at the machine for what a sandbox might have left. */
export type Look =
  | { what: string; status: "clean"; evidence: string }
  | { what: string; status: "left"; evidence: string }
  | { what: string; status: "not-looked"; reason: string };

export type Driver = {
  readonly kind: DriverKind;
  readonly isolation: Isolation;
  /** What this backend cannot do, by name; the contract suite checks that nothing else is missing. */
  readonly cannot: readonly { what: string; why: string }[];
  /** Is the tool here and does it answer? Boots nothing; `boots` in contract.ts does. Bounded to 3 s. */
  check(signal: AbortSignal): Promise<Availability>;
  /** Starts it. Rejects with the signal's reason when aborted, with OperatorError when the machine lacks something; then nothing is left behind. */
  create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox>;
  /** How long a create may take; 20 s when left out. */
  readonly createTimeoutMs?: number;
  /** What is known of one that is still to be born: goes into the journal before `create`. Absent: its name suffices. */
  hints?(name: string): JournalHints;
  /** Names of everything of ours that this backend knows of, alive or half-made. */
  list(): Promise<string[]>;
  /** Ends one by name, also without a handle and half-made. Idempotent, bounded to 3 s a route. */
  destroy(name: string): Promise<void>;
  /** Looks at the machine, not at the backend's answer, for what is left of it. */
  look(name: string): Promise<Look[]>;
  /** What its looks at the machine are shared through with other sandboxes' ends. Absent: each one's looks are its own. */
  readonly lookout?: Lookout;
};
