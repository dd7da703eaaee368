import type { Twin } from "./twin.ts";

const GVISOR_ANSWERS = "gVisor's own kernel answers, with or without it";

/** A capability of root's own set, added to a root that has none. */
function capability(
  name: string,
  alongside: Readonly<Record<string, string>> = {},
  notOn: NonNullable<Twin["notOn"]> = {},
): Twin {
  return {
    name: `cap-${name.toLowerCase().replaceAll("_", "-")}`,
    category: "process",
    weak: `CAP_${name} is added`,
    given: () => ({ uid: 0 }),
    weaken: () => ({ confinement: { capabilities: [`CAP_${name}`] } }),
    flips: [`capability:CAP_${name}`],
    alongside,
    notOn,
  };
}

const UNSEEN = "the capability that refused the call is there, and what the filter does is not shown";

export const PROCESS: readonly Twin[] = [
  capability("SYS_ADMIN", { "dangerous-syscall:mount": UNSEEN }),
  capability("SYS_MODULE", { "dangerous-syscall:init_module": UNSEEN }),
  capability("SYS_PTRACE", {
    "own:foreign-root:init": "who may trace a process may look at its root",
    "own:foreign-root:parent": "who may trace a process may look at its root",
  }),
  capability("SYS_RAWIO"),
  capability("SYS_BOOT", { "dangerous-syscall:kexec_load": UNSEEN }),
  capability("SYS_TIME"),
  capability("SYSLOG"),
  capability("NET_ADMIN"),
  capability("BPF", {}, { runc: "Docker 20.10 has no such name", gvisor: "runsc of 2022 has no such name" }),
  capability("DAC_READ_SEARCH", { "dangerous-syscall:open_by_handle_at": UNSEEN }),
  {
    name: "cap-net-raw",
    category: "process",
    weak: "CAP_NET_RAW, which runtimes leave by default, is held",
    given: () => ({ uid: 0 }),
    weaken: () => ({ confinement: { capabilities: ["CAP_NET_RAW"] } }),
    flips: ["runtime-default:CAP_NET_RAW"],
    alongside: {
      "socket-family:AF_PACKET": "what the filter does about it is not shown",
      "socket-family:raw": "what the filter does about it is not shown",
    },
    notOn: { gvisor: "runsc takes it away unless it is started with --net-raw" },
  },
  {
    name: "no-seccomp",
    category: "process",
    weak: "no system-call filter",
    weaken: () => ({ confinement: { seccomp: "none" } }),
    flips: ["syscall-boundary"],
    alongside: {
      "dangerous-syscall:*": "without a filter the calls are answered for",
      "socket-family:*": "without a filter the families are answered for",
      "user-namespace:creatable": "without a filter the kernel's settings decide",
    },
    notOn: { gvisor: GVISOR_ANSWERS },
  },
  {
    name: "new-privileges",
    category: "process",
    weak: "no_new_privs is not set",
    weaken: () => ({ confinement: { noNewPrivileges: false } }),
    flips: ["no-new-privs"],
    notOn: { gvisor: "gVisor does not show the flag", bubblewrap: "bwrap always sets it" },
  },
  {
    name: "root-user",
    category: "process",
    weak: "the user inside is root outside",
    weaken: () => ({ uid: 0 }),
    flips: ["user-identity"],
    alongside: {
      "write-and-execute:/dev/shm": "it belongs to root",
      "sensitive-file:/root/.ssh": "root sees that there is none",
    },
    notOn: { gvisor: "root of gVisor's kernel is not the host's" },
    needsRoot: "only root makes a sandbox whose root is the host's",
  },
];
