import type { Weakness } from "../weakness.ts";

/** Credentials that code inside the sandbox could take along. */
export const SECRETS: readonly Weakness[] = [
  {
    id: "foreign-credential-used",
    title: "A credential of unknown origin was sent from inside the sandbox",
    category: "secrets",
    when: { check: "foreign-credential", verdict: ["reachable"], from: ["outside"] },
    one: "per-observation",
    severity: "high",
    explanation:
      "Something inside asked an allowed host for something with a credential that is neither ours nor one of the fakes. " +
      "Either a real credential got into the sandbox, or somebody brought one along to use the host under an account of " +
      "their own: what is uploaded there leaves by a door that is open on purpose. The gateway refused the request.",
    attack: ["T1567", "T1552"],
    atlas: ["AML.T0025", "AML.T0055"],
    owasp: ["LLM02:2025", "ASI03"],
    cwe: ["CWE-522"],
    mitigations: [],
    advice:
      "Find out what sent it, by the sandbox and the time in the egress log. If the credential is yours, take it out of " +
      "the sandbox, revoke it, and let the gateway put one in by the rule's inject instead.",
  },
  {
    id: "cloud-credentials-in-sandbox",
    title: "Cloud credentials can be read inside the sandbox",
    category: "secrets",
    when: { check: "cloud-credential-file", verdict: ["reachable"], from: ["target"], access: ["read"] },
    one: "per-target",
    severity: "high",
    explanation:
      "The files in which a cloud's command-line tools keep their keys can be opened by code inside the sandbox. What " +
      "they open is not limited by the sandbox but by the account, and it stays open when the sandbox is gone, until " +
      "somebody revokes the keys.",
    attack: ["T1552.001", "T1078.004"],
    atlas: ["AML.T0055"],
    owasp: ["LLM02:2025", "LLM06:2025", "ASI03"],
    cwe: ["CWE-522", "CWE-552"],
    mitigations: ["devcontainer.remove-mount"],
    advice:
      "Do not mount the credential directory. Where the work needs the cloud, hand in short-lived credentials of a role " +
      "with the few rights it needs.",
  },
  {
    id: "agent-credentials-in-sandbox",
    title: "The agent's own login can be read inside the sandbox",
    category: "secrets",
    when: { check: "agent-credential-file", verdict: ["reachable"], from: ["target"], access: ["read"] },
    one: "per-target",
    severity: "low",
    explanation:
      "Code that the agent runs can open the file with the agent's tokens. Someone who steers the agent for one " +
      "session can then use the person's account from elsewhere. Many agents need the file to work, so this is often a " +
      "price that is paid knowingly.",
    attack: ["T1552.001", "T1528"],
    atlas: ["AML.T0083", "AML.T0055"],
    owasp: ["LLM02:2025", "ASI03"],
    cwe: ["CWE-522"],
    mitigations: ["devcontainer.remove-mount"],
    advice:
      "Keep the token outside and let a relay add it to the requests, or use a key with a budget and a short life.",
  },
  {
    id: "credentials-in-sandbox",
    title: "Credential files of other tools can be read inside the sandbox",
    category: "secrets",
    when: { check: "credential-file", verdict: ["reachable"], from: ["target"], access: ["read"] },
    one: "per-target",
    severity: "high",
    explanation:
      "Private keys, package-registry tokens, git credentials or the like can be opened by code inside the sandbox. " +
      "With them an intruder can act as the person towards other systems, among them those from which colleagues " +
      "install software.",
    attack: ["T1552.001", "T1552.004"],
    atlas: ["AML.T0055"],
    owasp: ["LLM02:2025", "ASI03", "MCP01:2025"],
    cwe: ["CWE-522", "CWE-552"],
    mitigations: ["devcontainer.remove-mount"],
    advice: "Mount the project, not the home. Give the sandbox tokens of its own that reach this project alone.",
  },
  {
    id: "secret-in-environment",
    title: "A secret stands in the sandbox's environment",
    category: "secrets",
    when: { check: "env-secret", verdict: ["reachable"], from: ["target"] },
    one: "per-observation",
    severity: "medium",
    explanation:
      "Every program in the sandbox inherits the environment: the agent, each tool, each test, each package's install " +
      "script. One line of debug output or one crash report carries the value out.",
    attack: ["T1552.001", "T1528"],
    atlas: ["AML.T0055"],
    owasp: ["LLM02:2025", "ASI03", "MCP01:2025"],
    cwe: ["CWE-526"],
    mitigations: ["devcontainer.remove-env"],
    advice:
      "Hand the value only to the process that needs it, at the time it needs it, and prefer short-lived tokens.",
  },
  {
    id: "foreign-environment-readable",
    title: "Environments of other processes can be read inside the sandbox",
    category: "secrets",
    when: { check: "foreign-environ", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "low",
    explanation:
      "A process in the sandbox may open the environment of processes that it did not start. Secrets that were given " +
      "to one server only are then open to all that runs beside it.",
    attack: ["T1552", "T1057"],
    atlas: ["AML.T0055"],
    owasp: ["LLM02:2025", "ASI03"],
    cwe: ["CWE-526", "CWE-668"],
    mitigations: [],
    advice: "Run servers that hold secrets as another user or in another sandbox than the agent's tools.",
  },
  {
    id: "service-account-token-in-sandbox",
    title: "A Kubernetes service account's token can be read inside the sandbox",
    category: "secrets",
    when: { check: "service-account-token", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "high",
    explanation:
      "The cluster mounts a token for its own interface into pods unless it is told not to. What the token may do is " +
      "decided by the cluster's roles, which are often wider than one agent needs.",
    attack: ["T1552.007", "T1528"],
    atlas: ["AML.T0055"],
    owasp: ["LLM06:2025", "ASI03"],
    cwe: ["CWE-522", "CWE-1188"],
    mitigations: [],
    advice: "Set automountServiceAccountToken to false for the agent's pods.",
  },
  {
    id: "credentials-in-agent-config",
    title: "A credential stands in clear text in an agent's configuration",
    category: "secrets",
    when: { check: "credentials-in-config", verdict: ["reachable"], from: ["audit"] },
    one: "per-observation",
    severity: "medium",
    explanation:
      "Configuration files of agents and MCP servers are read by the agent, copied between machines and often " +
      "committed. A credential in one of them goes everywhere the file goes.",
    attack: ["T1552.001"],
    atlas: ["AML.T0083", "AML.T0055"],
    owasp: ["LLM02:2025", "MCP01:2025"],
    cwe: ["CWE-312", "CWE-798"],
    mitigations: [],
    advice:
      "Refer to the credential by the name of a variable or of a key-store entry, and replace the one that was written down.",
  },
];
