import type { Category } from "../../guest/observation.ts";
import type { Confinement, Mount, SandboxSpec } from "../../sandbox/sandbox.ts";
import type { Stage } from "./stage.ts";

/**
 * A weak twin: a sandbox with exactly one weakness, beside a hardened sibling that lacks it and is otherwise the same. A
 * check that says "denied" has proved something only when it is seen to say "reachable" where the door stands open; the
 * twin is that door. It must open its own observations and no others, and the sibling must stay quiet and still report.
 *
 * The twins here are told as differences of a `SandboxSpec`, so every driver can make them, in a test and in a cycle
 * (cycle/selfTest.ts runs three at random). What no spec of ours can say, such as a shared namespace, is among the tests.
 * Everything that a twin is given from outside is made for it by its stage: nothing of the host is in it.
 */
export type Twin = {
  /** Kebab case, unique. */
  name: string;
  category: Category;
  /** What is weak, as a person would say it. */
  weak: string;
  /** What both have and the weakness needs, such as a user or a directory. */
  given?: (stage: Stage) => Stance | Promise<Stance>;
  /** How the twin differs from its sibling; mounts and variables are added to the sibling's, or replace those of the same name. */
  weaken(stage: Stage, sibling: Room): Stance | Promise<Stance>;
  /** What must open: ids, or `check:*`. Each of them at least once. */
  flips: readonly string[];
  /** What may change besides, by id or `check:*`, and why. Mounts that the twin adds show in the inventory without being named here. */
  alongside?: Readonly<Record<string, string>>;
  /** What `given` leaves open in both, by id or `check:*`. */
  open?: readonly string[];
  /** Backends where there is no such weakness, and why. */
  notOn?: Partial<Readonly<Record<Backend, string>>>;
  /** Why only root can make it. */
  needsRoot?: string;
};

/** What a sandbox is made by, as far as its twins care. */
export const BACKENDS = ["runc", "gvisor", "bubblewrap"] as const;
export type Backend = (typeof BACKENDS)[number];

/** A part of a sandbox's description, over the hardened one. */
export type Stance = {
  mounts?: readonly Mount[];
  confinement?: Partial<Confinement>;
  /** Of the probe, as a tool of the agent would have it. */
  env?: Readonly<Record<string, string>>;
  uid?: number;
  /** What runs inside, beside the probe and before it: see companion.ts. */
  companion?: string;
};

/** The hardened sandbox with what a stance changes in it: the part of a spec that is the twin's own business. */
export type Room = Pick<SandboxSpec, "mounts" | "uid" | "gid"> & {
  confinement: Confinement;
  /** Of the probe. */
  env: Readonly<Record<string, string>>;
  companion?: string;
};

export const HOME = "/home/agent";
export const WORKSPACE = "/workspace";
