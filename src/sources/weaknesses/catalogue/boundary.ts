import type { Weakness } from "../weakness.ts";

/** What answers from the other side of the boundary: services of the host that act for whoever connects. */
export const BOUNDARY: readonly Weakness[] = [
  {
    id: "engine-socket-in-sandbox",
    title: "A container engine's control socket answers inside the sandbox",
    category: "cross-boundary",
    when: {
      check: "engine-socket",
      verdict: ["decoy-reached", "reachable"],
      from: ["target"],
      access: ["connect"],
    },
    one: "per-observation",
    severity: "critical",
    explanation:
      "Whoever may talk to a container engine decides what it starts, with which directories of the host and with " +
      "which rights. The engine acts as root outside the sandbox, so the sandbox's own limits no longer matter: a " +
      "read-only mount of the socket is no protection either, because connecting is not writing.",
    attack: ["T1611", "T1610", "T1609"],
    atlas: ["AML.T0105"],
    owasp: ["LLM06:2025", "ASI02", "ASI03"],
    cwe: ["CWE-250", "CWE-668"],
    mitigations: ["devcontainer.remove-mount"],
    advice:
      "Take the socket out of the sandbox. Where the agent must build images, give it a rootless builder of its own " +
      "or a proxy that allows the few calls it needs.",
  },
  {
    id: "engine-socket-declared",
    title: "The sandbox's declaration asks for the engine's control socket",
    category: "cross-boundary",
    when: { check: "devcontainer-engine-socket", verdict: ["reachable"], from: ["audit"] },
    one: "per-observation",
    severity: "high",
    explanation:
      "The file that builds the agent's sandbox asks for the socket of the container engine. Every sandbox made from " +
      "it hands the engine's rights to whatever runs inside, also when the present one was started another way.",
    attack: ["T1611", "T1610"],
    atlas: ["AML.T0105"],
    owasp: ["LLM06:2025", "ASI02"],
    cwe: ["CWE-250", "CWE-668"],
    mitigations: ["devcontainer.remove-mount"],
    advice: "Remove the mount from the file that declares it and build the sandbox anew.",
  },
  {
    id: "no-sandbox-declared",
    title: "Nothing declares a sandbox around the agents",
    category: "cross-boundary",
    when: { check: "sandbox-declared", verdict: ["reachable"], from: ["audit"] },
    one: "per-target",
    severity: "low",
    explanation:
      "No file of the stack says how its agents are confined, so each of them is as confined as its own settings make it " +
      "and no more: what it starts has the person's files, the person's logins and the machine's network. That may be a " +
      "choice, and it is one that nobody can review.",
    attack: ["T1611"],
    atlas: ["AML.T0105"],
    owasp: ["LLM06:2025", "ASI05"],
    cwe: ["CWE-653"],
    mitigations: [],
    advice:
      "Declare a sandbox in the project, for example a devcontainer, and run the agents in it. If one is declared where " +
      "weakdoor does not look, name it with target.declaredBy.",
  },
  {
    id: "host-service-socket-in-sandbox",
    title: "A socket of a host service answers inside the sandbox",
    category: "cross-boundary",
    when: { check: "unix-socket", verdict: ["reachable", "decoy-reached"], from: ["target"], access: ["connect"] },
    one: "per-observation",
    severity: "medium",
    explanation:
      "A service outside the sandbox takes connections from inside. What can be asked of it depends on the service; " +
      "desktop buses, editors and session managers commonly start programs for their clients, with the rights of the " +
      "person and not of the sandbox.",
    attack: ["T1559", "T1611"],
    atlas: ["AML.T0105"],
    owasp: ["LLM06:2025", "ASI02"],
    cwe: ["CWE-668"],
    mitigations: ["devcontainer.remove-mount"],
    advice: "Mount only the sockets the work needs, and see to it that each of them checks who asks.",
  },
  {
    id: "agent-socket-in-sandbox",
    title: "A key agent of the host signs for the sandbox",
    category: "secrets",
    when: { check: "agent-socket", verdict: ["reachable", "decoy-reached"], from: ["target"], access: ["connect"] },
    one: "per-observation",
    severity: "high",
    explanation:
      "An SSH, GPG or keyring agent is connected to the sandbox. Its keys cannot be copied, but they can be used: " +
      "while the session lasts, code inside can log in, sign and push as the person to whom the keys belong.",
    attack: ["T1563.001", "T1552.004"],
    atlas: ["AML.T0055"],
    owasp: ["LLM06:2025", "ASI03"],
    cwe: ["CWE-522", "CWE-668"],
    mitigations: ["devcontainer.remove-mount"],
    advice: "Do not forward the agent. Give the sandbox a key of its own with the few rights the work needs.",
  },
  {
    id: "abstract-socket-shared",
    title: "Abstract sockets of the host are visible inside the sandbox",
    category: "cross-boundary",
    when: { check: "abstract-socket", verdict: ["reachable", "decoy-reached"], from: ["target"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "Abstract socket names belong to the network namespace and have no file permissions. Seeing names of host " +
      "processes means that the namespace is shared, and that their servers alone decide whom they serve.",
    attack: ["T1559", "T1611"],
    atlas: ["AML.T0105"],
    owasp: ["ASI02"],
    cwe: ["CWE-668"],
    mitigations: [],
    advice: "Give the sandbox a network namespace of its own.",
  },
  {
    id: "inherited-descriptor",
    title: "The sandbox was started with open descriptors to things outside",
    category: "cross-boundary",
    when: { check: "inherited-descriptor", verdict: ["reachable"], from: ["target"] },
    one: "per-observation",
    severity: "high",
    explanation:
      "A descriptor that was opened before the boundary was drawn goes on working behind it: mounts and permissions " +
      "are checked when a file is opened and not again. A descriptor of a directory outside leads to what lies below it.",
    attack: ["T1611"],
    atlas: ["AML.T0105"],
    owasp: ["ASI05"],
    cwe: ["CWE-403"],
    mitigations: [],
    advice:
      "Start the sandbox with close-on-exec for everything but its three standard streams, and update the runtime.",
  },
  {
    id: "host-ipc-shared",
    title: "The sandbox shares System V and POSIX memory with the host",
    category: "cross-boundary",
    when: { check: "host-ipc", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "With the host's IPC namespace, shared memory and message queues of host processes can be listed, and opened " +
      "where their modes allow it. Databases and browsers keep live data there.",
    attack: ["T1559", "T1005"],
    atlas: [],
    owasp: ["ASI05"],
    cwe: ["CWE-668"],
    mitigations: [],
    advice: "Use a private IPC namespace, which is the default of every runtime.",
  },
  {
    id: "host-uts-shared",
    title: "The sandbox shares the host's name",
    category: "cross-boundary",
    when: { check: "host-uts", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "low",
    explanation:
      "The sandbox sees the host's own name and, if it also holds the right, can change it. Alone this tells an " +
      "intruder where he is; services that trust host names make it worse.",
    attack: ["T1082"],
    atlas: [],
    owasp: [],
    cwe: ["CWE-668"],
    mitigations: [],
    advice: "Use a private UTS namespace, which is the default of every runtime.",
  },
];
