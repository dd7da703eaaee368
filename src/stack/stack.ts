import type { CheckRun, Observation } from "../guest/observation.ts";

/**
 * An agent stack: what a person set up around one or more AI agents, in a home and a workspace. This chapter finds it
 * (`discover.ts`), hashes it (`snapshot.ts`), copies it with every credential replaced (`clone.ts`), reads how its
 * sandbox is declared (`declared.ts`) and audits its configuration files (`audit/`). It reads the real stack and
 * writes only into a directory of ours.
 */

export type AgentKind = "claude-code" | "codex" | "gemini-cli" | "cursor" | "vscode";

export type StackPlace = {
  /** Logical name in reports and fingerprints; never a host name. */
  name: string;
  /** Absolute; the home directory in which the agents keep their files. */
  home: string;
  /** Absolute; the project directory they work in. */
  workspace: string;
  agents: readonly AgentKind[];
  /** Globs below home or workspace that are copied besides the agents' own list, e.g. `home/.config/tool/*.json`. */
  include: readonly string[];
};

export type Snapshot = {
  /** SHA-256 over the canonical form of all below: one changed watched byte changes it. */
  hash: string;
  files: { path: string; sha256: string; bytes: number }[];
  /** `version` is `unknown` when no file of the agent tells it. */
  agents: { kind: AgentKind; version: string }[];
  kernel: string;
  /** Names and versions of isolation packages on the machine (runc, bubblewrap, …) as far as asked. */
  packages: { name: string; version: string }[];
};

/** A value that was taken out. Never the value: only where, what kind, and a keyed hash to recognise it by. */
export type Replacement = {
  /** `home/.claude.json` or `workspace/.env`, relative, forward slashes. */
  file: string;
  kind: string;
  /** JSON pointer, key or line: where in the file. */
  place: string;
  by: "structure" | "pattern" | "propagation";
  /** HMAC-SHA256 of the value with a key that dies with the cycle, 16 hex digits. */
  keyedHash: string;
};

export type Skipped = { file: string; reason: string };

export type Clone = {
  /** Holds `home/` and `workspace/`. Ours to destroy. */
  root: string;
  home: string;
  workspace: string;
  replaced: Replacement[];
  skipped: Skipped[];
  /** What the proof scan read: it throws when one harvested value is left, so a Clone in hand is a clean one. */
  proof: { files: number; bytes: number; values: number; encodings: number };
};

/**
 * One host resource that the stack's sandbox declares. In the clone each becomes a stand-in of ours at the same path.
 * `hidden` is a place that the sandbox covers, so that nothing of what lies there is seen.
 */
export type DeclaredResource = {
  kind:
    | "workspace"
    | "home-directory"
    | "engine-socket"
    | "agent-socket"
    | "host-directory"
    | "device"
    | "volume"
    | "hidden";
  /** As written in the declaration, e.g. `/var/run/docker.sock`. */
  source: string;
  /** Where it appears inside. */
  path: string;
  mode: "ro" | "rw";
  /** What of the stack it is, `home/.aws` or `workspace`; absent when it is the host's and a stand-in takes its place. */
  logical?: string;
  /** `workspace/.devcontainer/devcontainer.json#/mounts/0`. */
  declaredAt: string;
};

/** A wall that every engine puts up by itself and that the declaration takes away. An audit row is named after it. */
export type Loosened =
  | "privileged"
  | "seccomp-unconfined"
  | "apparmor-unconfined"
  | "label-disabled"
  | "systempaths-unconfined"
  | `host-${"pid" | "ipc" | "uts" | "network" | "userns" | "cgroupns"}`;

/** How the stack says its agent is confined. */
export type Declared = {
  kind: "devcontainer" | "compose" | "docker-run" | "srt" | "bubblewrap" | "none";
  /** Of `srt`: the content of the settings file, for the driver that runs the same tool with it. */
  settings?: Readonly<Record<string, unknown>>;
  declaredAt: string;
  /** Inside the sandbox. */
  workspacePath: string;
  homePath: string;
  user: { name: string; uid: number; gid: number };
  network: "none" | "has-network";
  capabilities: string[];
  noNewPrivileges: boolean;
  seccomp: "default" | "none";
  readOnlyRoot: boolean;
  /** Each once. The sandbox rebuilt here has a namespace and files of its own for every one of them. */
  loosened: Loosened[];
  /** The machine's own root is the sandbox's: what it holds is wider than any room of ours. */
  isMachineRoot: boolean;
  /** Of an engine, by the name under which it is registered there. */
  runtime?: string;
  /** As far as declared. */
  limits: { memoryMiB?: number; cpus?: number; pids?: number };
  resources: DeclaredResource[];
  env: Record<string, string>;
  /** In their order, where there are any. None of them runs in a target, but for a firewall that one puts up (cycle/firewall.ts). */
  startCommands?: StartCommand[];
  unrepeatable: Unrepeatable[];
};

/** A simple command that the container runs when it starts; of a line of several each is one. */
export type StartCommand = {
  /** The key of the declaration, e.g. `postStartCommand`. */
  name: string;
  words: string[];
};

/**
 * What was declared and cannot be repeated here, with the reason: a coverage row each. `unread` is what might stand there for all
 * that we know, so that nobody says it does not: a mount whose source is a variable of the host, options from a descriptor.
 */
export type Unrepeatable = { what: string; why: string; unread?: "a mount" | "anything" };

/** What the static audit says: rows with `from: "audit"`, and which checks ran. */
export type Audit = { observations: Observation[]; checks: CheckRun[] };
