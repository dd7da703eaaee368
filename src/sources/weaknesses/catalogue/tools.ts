import type { Weakness } from "../weakness.ts";

/** The agent's own switches, its tools, and who supplies them. */
export const TOOLS: readonly Weakness[] = [
  {
    id: "agent-sandbox-off",
    title: "The agent's own sandbox is switched off",
    category: "tool-plane",
    when: { check: "codex-sandbox-mode", verdict: ["reachable"], from: ["audit"] },
    one: "per-observation",
    severity: "high",
    explanation:
      "The agent's configuration lets its commands run without the confinement the agent ships with. What a hidden " +
      "instruction makes it run has then every right of the person who started it.",
    attack: ["T1562.001", "T1059"],
    atlas: ["AML.T0081", "AML.T0051"],
    owasp: ["LLM06:2025", "ASI02", "ASI05"],
    cwe: ["CWE-693", "CWE-250"],
    mitigations: ["codex.set-sandbox-mode"],
    advice:
      "Set the mode that confines writing to the workspace, and give wider rights to single commands when asked.",
  },
  {
    id: "agent-permissions-bypassed",
    title: "The agent acts without asking",
    category: "tool-plane",
    when: { check: "claude-permission-mode", verdict: ["reachable"], from: ["audit"] },
    one: "per-observation",
    severity: "high",
    explanation:
      "The permission mode, or a rule that is as wide, lets the agent use its tools without a person's word. The " +
      "person is then no longer a barrier between a poisoned text and a command.",
    attack: ["T1562.001"],
    atlas: ["AML.T0081", "AML.T0051"],
    owasp: ["LLM06:2025", "ASI02", "ASI09"],
    cwe: ["CWE-693"],
    mitigations: [],
    advice: "Use a mode that asks, and allow single commands by narrow rules.",
  },
  {
    id: "workspace-trusted-for-all",
    title: "The agent trusts every folder it is started in",
    category: "tool-plane",
    when: { check: "gemini-trust", verdict: ["reachable"], from: ["audit"] },
    one: "per-observation",
    severity: "medium",
    explanation:
      "Folder trust is off or given to a parent of everything. Settings, hooks and instructions of a repository that " +
      "was just fetched take effect before anybody has looked at them.",
    attack: ["T1546"],
    atlas: ["AML.T0081", "AML.T0051.001"],
    owasp: ["LLM01:2025", "ASI04"],
    cwe: ["CWE-829", "CWE-1188"],
    mitigations: [],
    advice: "Switch folder trust on and give it folder by folder.",
  },
  {
    id: "mcp-server-unpinned",
    title: "An MCP server is fetched anew without a fixed version",
    category: "tool-plane",
    when: { check: "mcp-server-unpinned", verdict: ["reachable"], from: ["audit"] },
    one: "per-observation",
    severity: "medium",
    explanation:
      "The command that starts the server takes whatever version is newest at that moment. Whoever takes over the " +
      "package, for an hour, runs code with the agent's rights on every machine that starts the server in that hour.",
    attack: ["T1195.001", "T1195.002"],
    atlas: ["AML.T0010"],
    owasp: ["LLM03:2025", "ASI04", "MCP04:2025"],
    cwe: ["CWE-829", "CWE-494", "CWE-1357"],
    mitigations: ["mcp.pin-version"],
    advice: "Name an exact version, and move it on purpose, after looking.",
  },
  {
    id: "mcp-server-broad-root",
    title: "An MCP server is given a directory far wider than the project",
    category: "tool-plane",
    when: { check: "mcp-server-broad-root", verdict: ["reachable"], from: ["audit"] },
    one: "per-observation",
    severity: "medium",
    explanation:
      "The server runs outside the agent's sandbox and reads and writes wherever its own arguments allow. A wide root " +
      "makes it a way around whatever the sandbox forbids.",
    attack: ["T1005", "T1083"],
    atlas: ["AML.T0053", "AML.T0086"],
    owasp: ["LLM06:2025", "ASI02"],
    cwe: ["CWE-552", "CWE-732"],
    mitigations: [],
    advice: "Give the server the project's directory alone.",
  },
  {
    id: "devcontainer-loosened",
    title: "The sandbox's declaration asks for a weaker one than the default",
    category: "tool-plane",
    when: { check: "devcontainer-flags", verdict: ["reachable"], from: ["audit"] },
    one: "per-observation",
    severity: "medium",
    explanation:
      "An option in the file that declares the agent's sandbox takes away a wall that the runtime would have put up, or leaves one out: " +
      "a system-call filter, a namespace, the limits of root, or the distance to the host's devices.",
    attack: ["T1611"],
    atlas: ["AML.T0105"],
    owasp: ["LLM06:2025", "ASI05"],
    cwe: ["CWE-250", "CWE-1188"],
    mitigations: ["devcontainer.drop-capability"],
    advice: "Remove the option, see what breaks, and put back the narrowest that works.",
  },
  {
    id: "hook-runs-workspace-script",
    title: "A hook runs a script that the agent itself can change",
    category: "tool-plane",
    when: { check: "hook-runs-workspace-script", verdict: ["reachable"], from: ["audit"] },
    one: "per-observation",
    severity: "medium",
    explanation:
      "Hooks run outside the agent's sandbox with the person's rights. When the script lies in the workspace, what the " +
      "agent writes today is executed outside tomorrow.",
    attack: ["T1546", "T1554"],
    atlas: ["AML.T0081"],
    owasp: ["ASI05", "ASI02"],
    cwe: ["CWE-829", "CWE-732"],
    mitigations: [],
    advice: "Keep hook scripts in a directory that the agent cannot write.",
  },
  {
    id: "agent-asks-nobody",
    title: "The agent's approval policy asks nobody",
    category: "tool-plane",
    when: { check: "codex-approval-policy", verdict: ["reachable"], from: ["audit"] },
    one: "per-observation",
    severity: "medium",
    explanation:
      "No command waits for a person's word, so what confines the agent is its sandbox alone. With a sandbox that " +
      "holds this is a choice; together with one that is off, nothing is left between a poisoned text and a command.",
    attack: ["T1562.001"],
    atlas: ["AML.T0081", "AML.T0051"],
    owasp: ["LLM06:2025", "ASI02", "ASI09"],
    cwe: ["CWE-693"],
    mitigations: [],
    advice: "Set a policy that asks when a command leaves the sandbox.",
  },
  {
    id: "tool-wider-than-shell",
    title: "A path of the agent goes where its shell may not",
    category: "tool-plane",
    when: { check: "tool-plane", verdict: ["reachable"], from: ["target"] },
    one: "per-observation",
    severity: "high",
    explanation:
      "What holds the agent's shell back does not hold this path back: another of its tools, a way of asking, a server or a hook " +
      "that it starts itself. Whoever steers the agent takes the wider path, and the confinement of the shell protects nothing.",
    attack: ["T1562.001", "T1611"],
    atlas: ["AML.T0053", "AML.T0051"],
    owasp: ["LLM06:2025", "ASI02", "ASI05"],
    cwe: ["CWE-693", "CWE-424"],
    mitigations: [],
    advice:
      "Confine the agent as a whole and not only its shell, run its servers and hooks inside the same sandbox, and take away tools that need not be there.",
  },
  {
    id: "tool-rule-passed-by",
    title: "A rule of the agent's settings does not bind one of its tools",
    category: "tool-plane",
    when: { check: "tool-rule", verdict: ["reachable"], from: ["target"] },
    one: "per-observation",
    severity: "high",
    explanation:
      "The settings close a path, and a tool of the agent read it all the same. Rules know the tools and the commands that they name; " +
      "an interpreter or a server's tool beside them reads what it likes.",
    attack: ["T1552.001", "T1562.001"],
    atlas: ["AML.T0053", "AML.T0055"],
    owasp: ["LLM06:2025", "ASI02"],
    cwe: ["CWE-693", "CWE-424"],
    mitigations: [],
    advice:
      "Keep what must not be read out of the sandbox, or close it in the sandbox's own file rules; allow no interpreter as a whole.",
  },
  {
    id: "server-outside-tool-sandbox",
    title: "MCP servers run outside of the sandbox around the agent's shell",
    category: "tool-plane",
    when: { check: "mcp-identity", verdict: ["reachable"], from: ["outside"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "The host sees the shell's commands behind namespaces or filters of their own, and the servers without them. A server that is " +
      "taken over, or asked for the wrong thing, acts with all rights of the person who started the agent.",
    attack: ["T1195.002", "T1611"],
    atlas: ["AML.T0010", "AML.T0053"],
    owasp: ["ASI04", "ASI05", "MCP04:2025"],
    cwe: ["CWE-653", "CWE-693"],
    mitigations: [],
    advice: "Start each server in a sandbox of its own, or the whole agent in one.",
  },
  {
    id: "hook-outside-tool-sandbox",
    title: "Hooks run outside of the sandbox around the agent's shell",
    category: "tool-plane",
    when: { check: "hook-identity", verdict: ["reachable"], from: ["outside"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "The host sees the shell's commands behind namespaces or filters of their own, and what a hook starts without them. Whoever may " +
      "write a file that a hook runs, from within the shell's sandbox, has left it at the next event.",
    attack: ["T1546", "T1611"],
    atlas: ["AML.T0081"],
    owasp: ["ASI05"],
    cwe: ["CWE-653", "CWE-829"],
    mitigations: [],
    advice: "Let hooks run only files that the agent may not write, and confine the agent as a whole.",
  },
  {
    id: "agent-sandbox-not-in-force",
    title: "The agent's own sandbox does not do what its settings say",
    category: "tool-plane",
    when: { check: "agent-sandbox", verdict: ["reachable"], from: ["outside"] },
    one: "per-observation",
    severity: "high",
    explanation:
      "The settings declare a sandbox around the agent's commands, and a command did what it closes, or stood behind no wall of its own. " +
      "An agent whose sandbox cannot start where it runs goes on without it, and a command that is excepted from it is in none.",
    attack: ["T1562.001", "T1611"],
    atlas: ["AML.T0053"],
    owasp: ["LLM06:2025", "ASI05"],
    cwe: ["CWE-693", "CWE-636"],
    mitigations: [],
    advice:
      "Have the agent refuse to work where its sandbox cannot start, take exceptions out of it, and install what it needs (bubblewrap, socat).",
  },
];
