import type { Weakness } from "../weakness.ts";

/** Files, mounts and devices that the sandbox lets through. */
export const FILESYSTEM: readonly Weakness[] = [
  {
    id: "host-system-directory-writable",
    title: "A system directory of the host is mounted writable",
    category: "filesystem",
    when: {
      check: "host-mount",
      verdict: ["reachable", "decoy-reached"],
      from: ["target"],
      access: ["write"],
      within: ["/boot", "/etc", "/lib", "/opt", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var"],
    },
    one: "per-observation",
    severity: "critical",
    explanation:
      "What is written there is written on the host. Programs outside run and obey the files below such a directory, " +
      "most of them as root, so code inside the sandbox speaks to them through these files.",
    attack: ["T1611", "T1554"],
    atlas: ["AML.T0105"],
    owasp: ["LLM06:2025", "ASI05"],
    cwe: ["CWE-668", "CWE-732"],
    mitigations: ["devcontainer.remove-mount"],
    advice: "Mount the project directory alone; what else is needed, read-only.",
  },
  {
    id: "host-directory-writable",
    title: "Directories of the host are mounted writable",
    category: "filesystem",
    when: { check: "host-mount", verdict: ["reachable", "decoy-reached"], from: ["target"], access: ["write"] },
    one: "per-target",
    severity: "low",
    explanation:
      "What is written there stays on the host when the sandbox is gone. For the project's own directory that is the " +
      "point of the sandbox; every further directory is one through which a session can speak to later ones and to " +
      "programs outside.",
    attack: ["T1554"],
    atlas: [],
    owasp: ["ASI05"],
    cwe: ["CWE-732"],
    mitigations: [],
    advice: "Compare the list with what the work needs, and mount the rest read-only or not at all.",
  },
  {
    id: "host-directory-readable",
    title: "Directories of the host are mounted into the sandbox",
    category: "filesystem",
    when: { check: "host-mount", verdict: ["reachable", "decoy-reached"], from: ["target"], access: ["read"] },
    one: "per-target",
    severity: "info",
    explanation:
      "Code inside can read what the host keeps there, today and whatever is put there tomorrow. Whether that matters " +
      "depends on the directories; the project's own is among them.",
    attack: ["T1005", "T1083"],
    atlas: ["AML.T0037"],
    owasp: ["LLM02:2025"],
    cwe: ["CWE-552"],
    mitigations: [],
    advice: "Mount the narrowest directories that do the work.",
  },
  {
    id: "system-directory-writable",
    title: "System directories can be written inside the sandbox",
    category: "filesystem",
    when: { check: "system-directory", verdict: ["reachable"], from: ["target"], access: ["write"] },
    one: "per-target",
    severity: "low",
    explanation:
      "Code inside can replace programs and libraries that later commands in the same sandbox will run. The change " +
      "ends with the sandbox unless the directory belongs to the host or to an image that is saved.",
    attack: ["T1554"],
    atlas: [],
    owasp: ["ASI05"],
    cwe: ["CWE-732"],
    mitigations: [],
    advice: "Run the agent as a user without rights on system directories and make the root file system read-only.",
  },
  {
    id: "root-filesystem-writable",
    title: "The sandbox's root file system is writable",
    category: "filesystem",
    when: { check: "root-filesystem", verdict: ["reachable"], from: ["target"], access: ["write"] },
    one: "per-target",
    severity: "info",
    explanation:
      "This is what container runtimes do by default. It lets code keep files between the commands of one session, " +
      "and nothing beyond it.",
    attack: [],
    atlas: [],
    owasp: [],
    cwe: ["CWE-732"],
    mitigations: [],
    advice: "A read-only root with small scratch directories leaves less to clean up.",
  },
  {
    id: "mount-propagation-shared",
    title: "Mounts made inside the sandbox appear outside",
    category: "filesystem",
    when: { check: "mount-propagation", verdict: ["reachable"], from: ["target"], access: ["configure"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "A mount point with shared propagation passes mounts on in both directions. Together with the right to mount, " +
      "code inside can put file systems in front of directories that host programs use.",
    attack: ["T1611"],
    atlas: ["AML.T0105"],
    owasp: ["ASI05"],
    cwe: ["CWE-668"],
    mitigations: [],
    advice: "Use private or slave propagation for every mount of the sandbox.",
  },
  {
    id: "device-node-in-sandbox",
    title: "A device of the host can be opened inside the sandbox",
    category: "filesystem",
    when: { check: "device-node", verdict: ["reachable", "decoy-reached"], from: ["target"] },
    one: "per-observation",
    severity: "high",
    explanation:
      "A device is a way past the file system: a disk holds every file of the host, and other devices talk to drivers " +
      "that were not written with an untrusted caller in mind.",
    attack: ["T1611", "T1068"],
    atlas: ["AML.T0105"],
    owasp: ["ASI05"],
    cwe: ["CWE-250", "CWE-668"],
    mitigations: [],
    advice: "Remove the device from the sandbox; where hardware is needed, pass in the narrowest node for it.",
  },
  {
    id: "kernel-control-file-writable",
    title: "Control files of the kernel can be written inside the sandbox",
    category: "filesystem",
    when: { check: "kernel-control-file", verdict: ["reachable"], from: ["target"], access: ["write"] },
    one: "per-target",
    severity: "critical",
    explanation:
      "Some files below /proc and /sys tell the kernel which program to start, as root and outside every sandbox, when " +
      "an event happens. Whoever may write one of them chooses the program.",
    attack: ["T1611", "T1546"],
    atlas: ["AML.T0105"],
    owasp: ["ASI05"],
    cwe: ["CWE-732", "CWE-250"],
    mitigations: [],
    advice:
      "Keep the runtime's masked and read-only paths, and do not run the agent as root of the host's user namespace.",
  },
  {
    id: "procfs-unmasked",
    title: "Kernel files that runtimes hide are visible inside the sandbox",
    category: "filesystem",
    when: { check: "procfs-masking", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "low",
    explanation:
      "Container runtimes hide a short list of files below /proc and /sys, because they tell about the host or control " +
      "it. Here they are visible, which points to a sandbox that was loosened on purpose.",
    attack: ["T1082", "T1611"],
    atlas: [],
    owasp: ["ASI05"],
    cwe: ["CWE-668", "CWE-200"],
    mitigations: [],
    advice: "Remove systempaths=unconfined and the like from the sandbox's options.",
  },
  {
    id: "cgroup-control-writable",
    title: "The control group hierarchy can be written inside the sandbox",
    category: "filesystem",
    when: { check: "cgroup-control", verdict: ["reachable"], from: ["target"], access: ["write"] },
    one: "per-target",
    severity: "high",
    explanation:
      "Code inside can lift its own limits, and version 1 of the interface can name a program that the kernel starts " +
      "outside the sandbox when a group becomes empty.",
    attack: ["T1611"],
    atlas: ["AML.T0105"],
    owasp: ["ASI05"],
    cwe: ["CWE-732"],
    mitigations: [],
    advice: "Mount control groups read-only, prefer version 2 and give the sandbox a cgroup namespace.",
  },
  {
    id: "sensitive-file-readable",
    title: "Files of the machine's administration can be read inside the sandbox",
    category: "filesystem",
    when: { check: "sensitive-file", verdict: ["reachable"], from: ["target"], access: ["read"] },
    one: "per-target",
    severity: "low",
    explanation:
      "Password hashes, host keys or the like can be opened by code inside. Where they are the image's own they are " +
      "worth little; the evidence says of each whether its mount comes from the host.",
    attack: ["T1552.001", "T1003.008"],
    atlas: [],
    owasp: ["LLM02:2025"],
    cwe: ["CWE-552"],
    mitigations: [],
    advice: "Run the agent as a user who is not root, and mount none of the host's administration.",
  },
];
