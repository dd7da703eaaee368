import { posix } from "node:path";
import type { Roots } from "../reader.ts";
import type { Declared, DeclaredResource, Loosened, StartCommand } from "../stack.ts";
import { capabilitiesLeft } from "./capabilities.ts";
import { userOf } from "./user.ts";

/** A Declared while it is being read. */
export type Draft = Pick<
  Declared,
  | "network"
  | "noNewPrivileges"
  | "readOnlyRoot"
  | "env"
  | "resources"
  | "unrepeatable"
  | "limits"
  | "runtime"
  | "isMachineRoot"
> & {
  startCommands: StartCommand[];
  added: string[];
  dropped: string[];
  loosened: Set<Loosened>;
  /** Of `--user`, `user:` and `containerUser`. */
  user: string | undefined;
  /** Of `--workdir` and `working_dir`. */
  workdir: string | undefined;
};

/** Where directives stand, and what the words in them mean there. */
export type Source = {
  /** Logical name of the file. */
  file: string;
  /** Absolute, in the original: where a relative path of the host begins. */
  base: string;
  original: Roots;
  /** Puts the variables in. */
  expand(text: string): Expanded;
};

export type Expanded = { status: "known"; text: string } | { status: "unknown"; variable: string };

export function newDraft(): Draft {
  return {
    added: [],
    dropped: [],
    loosened: new Set(),
    noNewPrivileges: false,
    readOnlyRoot: false,
    network: "has-network",
    user: undefined,
    workdir: undefined,
    isMachineRoot: false,
    limits: {},
    env: {},
    resources: [],
    startCommands: [],
    unrepeatable: [],
  };
}

export type Finished = {
  kind: Declared["kind"];
  declaredAt: string;
  workspacePath: string;
  /** As it is written; the image's own when undefined. */
  user: string | undefined;
};

/** What a container engine makes of the draft. */
export function finishContainer(
  draft: Draft,
  { kind, declaredAt, workspacePath, user: written }: Finished,
): Declared {
  const { user, homePath, guess } = userOf(written);
  if (guess !== undefined) draft.unrepeatable.push({ what: "user", why: guess });
  const isPrivileged = draft.loosened.has("privileged");
  const isUnfiltered = isPrivileged || draft.loosened.has("seccomp-unconfined");
  return {
    kind,
    declaredAt,
    workspacePath,
    homePath,
    user,
    network: draft.network,
    capabilities: capabilitiesLeft(isPrivileged ? ["ALL"] : draft.added, isPrivileged ? [] : draft.dropped),
    noNewPrivileges: draft.noNewPrivileges,
    seccomp: isUnfiltered ? "none" : "default",
    readOnlyRoot: draft.readOnlyRoot,
    loosened: [...(isUnfiltered ? draft.loosened.add("seccomp-unconfined") : draft.loosened)].toSorted(),
    isMachineRoot: draft.isMachineRoot,
    ...(draft.runtime === undefined ? {} : { runtime: draft.runtime }),
    limits: draft.limits,
    resources: draft.resources,
    env: draft.env,
    ...(draft.startCommands.length === 0 ? {} : { startCommands: draft.startCommands }),
    unrepeatable: draft.unrepeatable,
  };
}

/**
 * Where the workspace appears inside, by the mount that holds it. Without one the workspace is in the image, as far as is known,
 * and is put where the container works, which is said.
 */
export function workspaceIn(draft: Draft, original: Roots): string {
  const places = draft.resources.flatMap((resource) => placeOfWorkspace(resource, original));
  const [first] = places.toSorted((a, b) => a.length - b.length);
  if (first !== undefined) return first;
  const isUsable = draft.workdir?.startsWith("/") === true && posix.normalize(draft.workdir) !== "/";
  const path = isUsable ? posix.normalize(draft.workdir ?? "") : "/workspace";
  const why = `no mount brings it in, so it is in the image or nowhere: it is put at ${path}`;
  draft.unrepeatable.push({ what: "workspace", why });
  return path;
}

function placeOfWorkspace({ kind, logical, path }: DeclaredResource, original: Roots): string[] {
  if (kind === "workspace" && logical === "workspace") return [path];
  if (kind !== "home-directory" || logical === undefined) return [];
  const outer = `${original.home}${logical.slice("home".length)}`;
  const below = posix.relative(outer, original.workspace);
  return below === "" || below.startsWith("..") ? [] : [posix.join(path, below)];
}
