import { basename } from "node:path";
import type { Driver, Isolation } from "../sandbox.ts";
import type { EngineFacts, Registered } from "./engine.ts";

/** What a runtime is taken for, by what the engine has registered. Above `container` it is a claim, and each start is held to it: see shownIsolation.ts. */
type Nature = { isolation: Isolation; why: string };

/**
 * Judged by what the entry points to, and by its name only where that says nothing: an entry `kata` that points to runc
 * is runc. Newer engines tell neither the type nor the options of an entry, so there the name is all there is.
 */
export function natureOf(runtime: string, registered: Registered | undefined): Nature {
  const target = registered?.type ?? (registered?.path === undefined ? undefined : basename(registered.path));
  const pointed = target === undefined ? undefined : wordOf(target);
  if (pointed !== undefined) return { isolation: pointed, why: `it points to ${target}` };
  const named = wordOf(runtime);
  if (named !== undefined) return { isolation: named, why: "by its name" };
  return { isolation: "container", why: "a runtime that is not known here: the weakest is assumed" };
}

/** The weakest word first: what is called both is taken for the weaker. */
const WORDS: readonly [RegExp, Isolation][] = [
  [/(?:^|[^a-z])(?:runc|crun|youki)(?:[^a-z]|$)/, "container"],
  [/(?:^|[^a-z])(?:runsc|gvisor)/, "gvisor"],
  [/(?:^|[^a-z])(?:kata|firecracker)/, "microvm"],
];

function wordOf(text: string): Isolation | undefined {
  return WORDS.find(([word]) => word.test(text.toLowerCase()))?.[1];
}

/**
 * The least limit of processes. gVisor's own threads count against it: at 64 it kills its sandbox before that has begun
 * (measured); 1024 is enough. Those of a machine monitor may count, too.
 */
const PIDS_MIN: Record<Isolation, number> = { container: 1, gvisor: 1_024, microvm: 1_024 };

export function pidsLimit(isolation: Isolation, wanted: number): number {
  return Math.max(wanted, PIDS_MIN[isolation]);
}

/** By the names of the contract. */
export function cannotOf(
  isolation: Isolation,
  registered: Registered | undefined,
  facts: EngineFacts | undefined,
): Driver["cannot"] {
  const has = (flag: RegExp) => (registered?.args ?? []).some((arg) => flag.test(arg));
  const own = OWN[isolation].filter(({ unless }) => unless === undefined || !has(unless));
  const limits = facts?.cannot ?? [];
  const without = has(/^--?(?:ignore-cgroups(?:=true)?|cgroup-manager=disabled)$/)
    ? ["memory", "cpus", "pids"].map((of) => ({
        what: `limit ${of}`,
        why: "the runtime is told to ignore control groups",
      }))
    : [];
  const all = [...own.map(({ what, why }) => ({ what, why })), ...limits, ...without];
  return all.filter(({ what }, at) => all.findIndex((other) => other.what === what) === at);
}

type Limitation = Driver["cannot"][number] /** A flag of the runtime that lifts it. */ & { unless?: RegExp };

const OWN: Record<Isolation, readonly Limitation[]> = {
  container: [],
  gvisor: [
    { what: "show no_new_privs", why: "builds of before 2024 do not tell it in /proc" },
    // Also with --oci-seccomp: a build of 2022 ends Node with our profile (measured).
    { what: "filter system calls inside", why: "gVisor's own kernel stands in its place" },
    { what: "shield process 1 from inside", why: "gVisor lets a signal from inside end or stop it" },
    { what: "limit pids", why: `gVisor's own threads count, so it is never under ${PIDS_MIN.gvisor}` },
    {
      what: "pass unix sockets in",
      why: "gVisor opens none of the host's",
      unless: /^--?(?:host-uds=(?:open|all)|fsgofer-host-uds(?:=true)?)$/,
    },
  ],
  microvm: [
    // The default of `disable_guest_seccomp` in Kata's configuration.toml.
    { what: "filter system calls inside", why: "Kata applies a filter only if its configuration says so" },
    { what: "limit pids", why: `its monitor's threads may count, so it is never under ${PIDS_MIN.microvm}` },
    { what: "pass unix sockets in", why: "a socket of the host has no listener in another kernel" },
  ],
};
