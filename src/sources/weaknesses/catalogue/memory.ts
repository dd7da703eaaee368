import type { Weakness } from "../weakness.ts";

/** What outlives a session: files that a later agent, or the person's own tools, will obey. */
export const MEMORY: readonly Weakness[] = [
  {
    id: "home-trust-file-writable",
    title: "Settings in the home that programs outside obey can be changed inside",
    category: "memory",
    when: { check: "trust-file", verdict: ["reachable"], from: ["target"], access: ["write"], within: ["~"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "Git's settings and the agents' own in the person's home are obeyed in every project, by programs that have no " +
      "sandbox. Code inside that can change them chooses what those programs run, and can loosen the agent's own rules " +
      "for its next start.",
    attack: ["T1546", "T1554"],
    atlas: ["AML.T0081", "AML.T0080"],
    owasp: ["ASI05", "ASI06"],
    cwe: ["CWE-732", "CWE-829"],
    mitigations: [],
    advice: "Mount these files read-only into the sandbox, and look at them before running tools on the workspace.",
  },
  {
    id: "trust-file-writable",
    title: "Files that programs outside obey can be changed inside the sandbox",
    category: "memory",
    when: { check: "trust-file", verdict: ["reachable"], from: ["target"], access: ["write"] },
    one: "per-target",
    severity: "low",
    explanation:
      "Git configuration and hooks, editor tasks, agent settings and instruction files lie in the workspace and are " +
      "executed or obeyed by programs outside. Code inside that can change them has its commands run out there, later, " +
      "by a program that trusts the workspace. Every writable workspace brings this along.",
    attack: ["T1546", "T1554"],
    atlas: ["AML.T0081", "AML.T0080"],
    owasp: ["ASI05", "ASI06"],
    cwe: ["CWE-732", "CWE-829"],
    mitigations: [],
    advice: "Mount these files read-only into the sandbox, and look at them before running tools on the workspace.",
  },
  {
    id: "trust-file-creatable",
    title: "Files that programs outside obey can be created inside the sandbox",
    category: "memory",
    when: { check: "trust-file-creatable", verdict: ["reachable"], from: ["target"], access: ["create"] },
    one: "per-target",
    severity: "info",
    explanation:
      "The file is not there today, so nothing protects it; a program outside will obey it as soon as it exists. " +
      "A list of protected files that names only existing ones misses it.",
    attack: ["T1546"],
    atlas: ["AML.T0081"],
    owasp: ["ASI05", "ASI06"],
    cwe: ["CWE-732"],
    mitigations: [],
    advice: "Create the file empty and mount it read-only, or let the tools outside ignore it.",
  },
  {
    id: "trust-file-changed",
    title: "A file that programs outside obey was changed since the sandbox began",
    category: "memory",
    when: { check: "trust-file-changed", verdict: ["reachable"], from: ["target"] },
    one: "per-observation",
    severity: "medium",
    explanation:
      "Something wrote to a hook, an agent's settings, an editor's task or a pipeline while the sandbox stood. The next " +
      "program outside that opens the workspace runs or obeys what stands there now.",
    attack: ["T1546", "T1554"],
    atlas: ["AML.T0081"],
    owasp: ["ASI05", "ASI06"],
    cwe: ["CWE-829"],
    mitigations: [],
    advice: "Compare the file with what was there before anything outside opens the workspace.",
  },
  {
    id: "git-program-changeable",
    title: "A program that Git starts outside can be changed inside the sandbox",
    category: "memory",
    when: { check: "git-program", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "Git's effective settings name a program, and the file that names it or the program itself can be written inside. " +
      "The next git status, diff or commit outside, by a person, an editor or a pipeline, starts it without a sandbox.",
    attack: ["T1546", "T1554"],
    atlas: ["AML.T0081"],
    owasp: ["ASI05", "ASI06"],
    cwe: ["CWE-732", "CWE-829"],
    mitigations: [],
    advice: "Keep such programs outside of the workspace, and mount Git's settings read-only into the sandbox.",
  },
  {
    id: "git-settings-changeable",
    title: "Settings or hooks that Git takes from elsewhere can be changed inside the sandbox",
    category: "memory",
    when: { check: "git-settings", verdict: ["reachable"], from: ["target"] },
    one: "per-target",
    severity: "low",
    explanation:
      "Git outside also obeys what its settings include, the directory that core.hooksPath names, and the settings and " +
      "hooks of submodules and other work trees. A list of protected files that stops at .git/hooks misses them.",
    attack: ["T1546"],
    atlas: ["AML.T0081"],
    owasp: ["ASI05", "ASI06"],
    cwe: ["CWE-732", "CWE-829"],
    mitigations: [],
    advice:
      "Mount .git read-only as a whole, with every file and directory that git config --show-origin --list names.",
  },
  {
    id: "memory-carried-over",
    title: "What one run leaves in an agent's memory is read by the next",
    category: "memory",
    when: { check: "memory-canary", verdict: ["reachable"], from: ["outside"], access: ["read"], within: ["~"] },
    one: "per-target",
    severity: "low",
    explanation:
      "A file of ours that one run wrote into the agent's own directory was read by a second run of the same sandbox. An " +
      "instruction that is planted there once, by a page or a document that the agent read, acts in every later run.",
    attack: ["T1546"],
    atlas: ["AML.T0080"],
    owasp: ["ASI06"],
    cwe: ["CWE-668"],
    mitigations: [],
    advice: "Give each run a store of its own, and carry over only what a person has looked at.",
  },
  {
    id: "memory-shared-between-tenants",
    title: "What one sandbox leaves behind is read in another tenant's",
    category: "memory",
    when: { check: "tenant-canary", verdict: ["reachable"], from: ["outside"], access: ["read"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "A file of ours that the agent's sandbox wrote was read in a sandbox that has nothing to do with it. Whoever runs in " +
      "one can read, and mislead, whoever runs in the other.",
    attack: ["T1080"],
    atlas: ["AML.T0080"],
    owasp: ["ASI06"],
    cwe: ["CWE-668"],
    mitigations: [],
    advice: "Share no directory between sandboxes of different people or purposes.",
  },
  {
    id: "persistence-path-writable",
    title: "Start-up files that outlive the session can be changed",
    category: "memory",
    when: { check: "persistence-path", verdict: ["reachable"], from: ["target"], access: ["write"] },
    one: "per-target",
    severity: "medium",
    explanation:
      "Shell start-up files, schedules or login keys that lie on the host or on a volume are read again at the next " +
      "start. What one session writes there acts in all later ones.",
    attack: ["T1546.004", "T1053.003", "T1098.004"],
    atlas: ["AML.T0081"],
    owasp: ["ASI06"],
    cwe: ["CWE-732"],
    mitigations: [],
    advice: "Give each session a fresh home, and mount the start-up files read-only.",
  },
  {
    id: "instruction-text-hidden",
    title: "An instruction file holds text that people do not see",
    category: "memory",
    when: { check: "instruction-hidden-text", verdict: ["reachable"], from: ["audit"] },
    one: "per-observation",
    severity: "high",
    explanation:
      "Invisible characters or comments in a file that the agent reads as instructions: the person who reviews the file " +
      "and the model that obeys it do not read the same text.",
    attack: ["T1564"],
    atlas: ["AML.T0051.001", "AML.T0080"],
    owasp: ["LLM01:2025", "ASI01", "ASI06"],
    cwe: ["CWE-1427", "CWE-451"],
    mitigations: [],
    advice: "Remove the hidden characters, and find out from the history who put them there.",
  },
];
