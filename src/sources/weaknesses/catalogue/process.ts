import type { Weakness } from "../weakness.ts";

/** Rights, namespaces and kernel interfaces of the processes inside. */
export const PROCESS: readonly Weakness[] = [
  {
    id: "dangerous-capability",
    title: "The sandbox holds a Linux capability that reaches beyond it",
    category: "process",
    when: { check: "capability", verdict: ["reachable"], from: ["target"] },
    one: "per-observation",
    severity: "high",
    explanation:
      "Capabilities are the pieces of root's power. This one acts on the kernel that the sandbox shares with the host, " +
      "so code that holds it can undo parts of the boundary that seem to be in place, such as read-only mounts or the " +
      "separation of processes.",
    attack: ["T1611", "T1068"],
    atlas: ["AML.T0105"],
    owasp: ["LLM06:2025", "ASI03"],
    cwe: ["CWE-250", "CWE-269"],
    mitigations: ["devcontainer.drop-capability"],
    advice: "Drop the capability. Where one tool needs it, run that tool in a sandbox of its own.",
  },
  {
    id: "sandbox-user-is-root",
    title: "Code in the sandbox runs as root of the host's user namespace",
    category: "process",
    when: { check: "user-identity", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "low",
    explanation:
      "The root user inside is, for the kernel, the root user outside, held back by the other walls alone. It is the " +
      "default of container runtimes; it makes every other weakness worse.",
    attack: ["T1068"],
    atlas: [],
    owasp: ["ASI03"],
    cwe: ["CWE-250"],
    mitigations: [],
    advice: "Set a user that is not root, or map root to an unprivileged user of the host.",
  },
  {
    id: "no-syscall-filter",
    title: "No system-call filter stands between the sandbox and the host's kernel",
    category: "process",
    when: { check: "syscall-boundary", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "Code inside can make every system call of the host's kernel, also the rarely used ones in which most of the " +
      "flaws that lead out of a sandbox were found.",
    attack: ["T1068", "T1611"],
    atlas: ["AML.T0105"],
    owasp: ["ASI05"],
    cwe: ["CWE-693"],
    mitigations: [],
    advice: "Remove seccomp=unconfined; for work on untrusted code use a user-space kernel or a virtual machine.",
  },
  {
    id: "new-privileges-allowed",
    title: "Programs in the sandbox may gain rights",
    category: "process",
    when: { check: "no-new-privs", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "low",
    explanation:
      "The no_new_privs flag is not set, so a set-user-id program inside gives its caller the rights of its owner. " +
      "Runtimes leave the flag off by default.",
    attack: ["T1548.001"],
    atlas: [],
    owasp: ["ASI03"],
    cwe: ["CWE-269", "CWE-1188"],
    mitigations: [],
    advice: "Set no-new-privileges on the sandbox.",
  },
  {
    id: "no-mandatory-access-control",
    title: "No security module confines the sandbox",
    category: "process",
    when: { check: "lsm", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "info",
    explanation:
      "Neither AppArmor, SELinux nor Landlock confines the processes inside. Many machines have none of them; where " +
      "one is there it stops a number of ways out that file permissions do not.",
    attack: [],
    atlas: [],
    owasp: [],
    cwe: ["CWE-693"],
    mitigations: [],
    advice: "Where the host has a security module, use the runtime's profile for it.",
  },
  {
    id: "host-namespace-shared",
    title: "The sandbox shares a namespace with the host",
    category: "process",
    when: { check: "namespace", verdict: ["reachable"], from: ["target"] },
    one: "per-observation",
    severity: "medium",
    explanation:
      "A namespace that is the host's own is a part of the machine in which there is no sandbox at all: its objects " +
      "are guarded by the remaining rights of the process alone.",
    attack: ["T1611"],
    atlas: ["AML.T0105"],
    owasp: ["ASI05"],
    cwe: ["CWE-653"],
    mitigations: [],
    advice: "Remove the option that asks for the host's namespace.",
  },
  {
    id: "user-namespace-creatable",
    title: "Code in the sandbox can make user namespaces",
    category: "process",
    when: { check: "user-namespace", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "low",
    explanation:
      "In a user namespace of its own, code holds every capability towards that namespace and reaches kernel " +
      "interfaces that are closed to it otherwise. It opens nothing alone, but many kernel flaws needed it.",
    attack: ["T1068"],
    atlas: [],
    owasp: ["ASI05"],
    cwe: ["CWE-250"],
    mitigations: [],
    advice: "Deny unshare and clone with new user namespaces in the system-call filter.",
  },
  {
    id: "host-processes-visible",
    title: "Processes of the host are visible inside the sandbox",
    category: "process",
    when: { check: "host-processes", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "high",
    explanation:
      "With the host's process table come the command lines, and for processes of the same user the open files, the " +
      "root directory and the environment, which lead past the sandbox's mounts.",
    attack: ["T1057", "T1055.009", "T1611"],
    atlas: ["AML.T0105"],
    owasp: ["ASI05"],
    cwe: ["CWE-668"],
    mitigations: [],
    advice: "Use a private process namespace.",
  },
  {
    id: "ptrace-unrestricted",
    title: "Processes of one user may trace each other",
    category: "process",
    when: { check: "ptrace-scope", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "info",
    explanation:
      "A process inside may attach to another of the same user and read or change its memory. Inside a sandbox of one " +
      "user that is the usual state; it matters when servers with secrets run beside the agent's tools.",
    attack: ["T1055.008"],
    atlas: [],
    owasp: [],
    cwe: ["CWE-269"],
    mitigations: [],
    advice: "Raise kernel.yama.ptrace_scope, or deny ptrace in the system-call filter.",
  },
  {
    id: "kernel-setting-open",
    title: "A kernel interface is open to unprivileged code",
    category: "process",
    when: { check: "kernel-sysctl", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "info",
    explanation:
      "A setting of the host's kernel leaves an interface such as bpf, userfaultfd or the kernel log to everyone. It is " +
      "a property of the machine and not of this sandbox; it widens what a kernel flaw can be reached through.",
    attack: ["T1068"],
    atlas: [],
    owasp: [],
    cwe: ["CWE-1188"],
    mitigations: [],
    advice: "Harden the machine's sysctl settings.",
  },
  {
    id: "raw-socket-creatable",
    title: "Socket families with a wide kernel surface can be made",
    category: "process",
    when: { check: "socket-family", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "info",
    explanation:
      "Packet, raw, vsock or kernel-crypto sockets can be made inside. Container runtimes allow some of them by " +
      "default. They let code see and forge traffic in its own network, or reach rarely used kernel code.",
    attack: ["T1040", "T1068"],
    atlas: [],
    owasp: [],
    cwe: ["CWE-250"],
    mitigations: ["devcontainer.drop-capability"],
    advice: "Drop CAP_NET_RAW and deny the families in the system-call filter.",
  },
  {
    id: "dangerous-syscall-open",
    title: "System calls that sandboxes usually refuse are not filtered",
    category: "process",
    when: { check: "dangerous-syscall", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "low",
    explanation:
      "Calls such as bpf, keyctl or userfaultfd are of little use to an agent's tools and of much use to somebody who " +
      "attacks the kernel. Here nothing stands in front of them; none was called to find out.",
    attack: ["T1068"],
    atlas: [],
    owasp: ["ASI05"],
    cwe: ["CWE-693"],
    mitigations: [],
    advice: "Load the runtime's default system-call filter, or a stricter one.",
  },
  {
    id: "resources-unlimited",
    title: "The sandbox has no limit on memory, processes or the like",
    category: "process",
    when: { check: "resource-limit", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "info",
    explanation:
      "Code inside can use up what the host's other work needs. Runtimes set no limits by default; the harm is an " +
      "outage and no way out.",
    attack: ["T1499"],
    atlas: [],
    owasp: ["LLM10:2025"],
    cwe: ["CWE-770"],
    mitigations: [],
    advice: "Set limits on memory, processes and processor time.",
  },
];
