import type { Driver } from "../sandbox/sandbox.ts";
import type { Declared } from "../stack/stack.ts";
import type { Other } from "./faithful.ts";
import type { TargetPlan } from "./targetPlan.ts";

const NONE = "no sandbox is declared, and the machine that the agent really runs on is wider than this room";
const MACHINE = "the machine's own root is the sandbox's, and of it only the home and the workspace are here";

/** What every room of ours has and the declaration does not. */
export function narrowerThan(declared: Declared): Other[] {
  const limits = { of: "resource-limit", why: "these limits are ours, not the declared ones" };
  if (declared.kind === "none")
    return [limits, ...["filesystem", "process", "cross-boundary", "network"].map((of) => ({ of, why: NONE }))];
  const machine = declared.isMachineRoot ? ["filesystem", "cross-boundary"].map((of) => ({ of, why: MACHINE })) : [];
  const devices = declared.resources.some(({ kind }) => kind === "device") ? ["device-node"] : [];
  const walls = [...declared.loosened.flatMap((name) => BY_WALL[name] ?? []), ...devices];
  const why = "the declaration takes a wall away that stands around every room of ours";
  return [limits, ...machine, ...[...new Set(walls)].map((of) => ({ of, why }))];
}

/** By what is taken away, the checks whose refusals are then only ours. */
const BY_WALL: Readonly<Record<string, readonly string[]>> = {
  privileged: ["device-node", "procfs-masking", "kernel-control-file", "kernel-sysctl", "cgroup-control", "lsm"],
  "apparmor-unconfined": ["lsm"],
  "label-disabled": ["lsm"],
  "systempaths-unconfined": ["procfs-masking", "kernel-control-file", "kernel-sysctl"],
  "host-pid": ["namespace", "host-processes", "foreign-environ", "ptrace-scope"],
  "host-ipc": ["namespace", "host-ipc"],
  "host-uts": ["namespace", "host-uts"],
  "host-network": ["namespace", "host-network-namespace", "abstract-socket", "loopback-listener"],
  "host-userns": ["namespace", "user-namespace"],
  "host-cgroupns": ["namespace", "cgroup-control"],
};

/** A driver that cannot leave something open closes it, and that is said: a room narrower than the real one beats none. */
export function narrowTo(driver: Driver, plan: TargetPlan): void {
  const limitOf = (name: string) => driver.cannot.find(({ what }) => what === name);
  const close = (
    name: string,
    isAsked: boolean,
    checks: readonly string[],
    closed: Partial<TargetPlan["confinement"]>,
  ) => {
    const limit = limitOf(name);
    if (limit === undefined || !isAsked) return;
    plan.confinement = { ...plan.confinement, ...closed };
    plan.notRepeated.push({ what: SAID[name] ?? name, why: limit.why });
    plan.narrower.push(...checks.map((of) => ({ of, why: limit.why })));
  };
  const { noNewPrivileges, capabilities, seccomp } = plan.confinement;
  close("allow new privileges", !noNewPrivileges, ["no-new-privs"], { noNewPrivileges: true });
  if (driver.isolation === "gvisor") withoutNewest(plan);
  close("keep capabilities", capabilities.length > 0, ["capability"], { capabilities: [] });
  close(
    "leave system calls unfiltered",
    seccomp === "none",
    ["dangerous-syscall", "socket-family", "syscall-boundary"],
    {
      seccomp: "strict",
    },
  );
}

/** Rights over parts of a kernel that gVisor has not got; its builds of before 2024 refuse to start with one of them. */
const UNKNOWN_TO_GVISOR = ["CAP_BPF", "CAP_PERFMON", "CAP_CHECKPOINT_RESTORE"];

function withoutNewest(plan: TargetPlan): void {
  const { capabilities } = plan.confinement;
  const gone = capabilities.filter((name) => UNKNOWN_TO_GVISOR.includes(name));
  if (gone.length === 0) return;
  plan.confinement = { ...plan.confinement, capabilities: capabilities.filter((name) => !gone.includes(name)) };
  const why = "gVisor's kernel has nothing that it would be a right to";
  plan.notRepeated.push({ what: gone.join(", "), why });
  plan.narrower.push({ of: "capability", why });
}

const SAID: Readonly<Record<string, string>> = {
  "allow new privileges": "new privileges",
  "keep capabilities": "capabilities",
  "leave system calls unfiltered": "a missing filter of system calls",
};

type Limits = { memoryMiB: number; cpus: number; pids: number };

/** With less our own guest does not start. */
const LEAST: Limits = { memoryMiB: 128, cpus: 0.1, pids: 64 };

/** The declared limits, between what our guest needs and what the configuration lets a room have. Where ours stand, that is said. */
export function limitsOf(
  declared: Declared,
  ours: Limits,
  plan: Pick<TargetPlan, "notRepeated" | "narrower">,
): Limits {
  const limits = { ...ours };
  let repeated = 0;
  for (const name of ["memoryMiB", "cpus", "pids"] as const) {
    const wanted = declared.limits[name];
    if (wanted === undefined) continue;
    if (wanted <= ours[name] && wanted >= LEAST[name]) {
      limits[name] = wanted;
      repeated++;
    } else {
      const why = wanted > ours[name] ? `this machine gives a room ${ours[name]}` : `a room needs ${LEAST[name]}`;
      plan.notRepeated.push({ what: `limit ${name} ${wanted}`, why });
    }
  }
  if (repeated === 3) plan.narrower = plan.narrower.filter(({ of }) => of !== "resource-limit");
  return limits;
}
