import { companion, OF_THE_COMPANION } from "./companion.ts";
import { bound, writable } from "./mounts.ts";
import type { Stage } from "./stage.ts";
import { HOME, type Stance, type Twin, WORKSPACE } from "./twin.ts";

/** One file of a read-only workspace or home that is read-write in the twin. */
function obeyed(name: string, place: string, weak: string): Twin {
  const path = place.startsWith("~/") ? `${HOME}${place.slice(1)}` : `${WORKSPACE}/${place}`;
  return writableAt({ name, weak, path, shown: place, make: (stage) => stage.file("made up") });
}

/** The same of a directory. */
function obeyedDirectory(name: string, place: string, weak: string): Twin {
  return writableAt({ name, weak, path: `${WORKSPACE}/${place}`, shown: place, make: (stage) => stage.tree() });
}

type Place = { name: string; weak: string; path: string; shown: string; make: (stage: Stage) => string };

function writableAt({ name, weak, path, shown, make }: Place): Twin {
  return {
    name,
    category: "memory",
    weak,
    given: (stage) => bound(path, make(stage)),
    weaken: (_, sibling) => writable(sibling, path),
    flips: [`trust-file:${shown}`],
    alongside: { [`host-mount:${shown}`]: "it comes from outside", [`host-mount:${path}`]: "it comes from outside" },
    open: [`host-mount:${shown}`, `host-mount:${path}`],
  };
}

/** Git's settings, which name something that is read-write in the twin. */
function named(
  name: string,
  weak: string,
  settings: string,
  place: string,
  flips: string,
  isDirectory: boolean,
): Twin {
  const path = `${WORKSPACE}/${place}`;
  const config = `${WORKSPACE}/.git/config`;
  return {
    name,
    category: "memory",
    weak,
    given: (stage) => ({
      mounts: [
        ...(bound(config, stage.file(settings)).mounts ?? []),
        ...(bound(path, isDirectory ? stage.tree() : stage.file("made up")).mounts ?? []),
      ],
    }),
    weaken: (_, sibling) => writable(sibling, path),
    flips: [flips],
    alongside: { [`host-mount:${place}`]: "it comes from outside" },
    open: ["host-mount:.git/config", `host-mount:${place}`],
  };
}

/** What starts by itself in a later session, kept after this one. */
function starts(name: string, place: string, weak: string, make: (stage: Stage) => string): Twin {
  const path = `${HOME}/${place}`;
  return {
    name,
    category: "memory",
    weak,
    given: (stage): Stance => bound(path, make(stage)),
    weaken: (_, sibling) => writable(sibling, path),
    flips: [`persistence-path:~/${place}`],
    alongside: { [`host-mount:~/${place}`]: "it comes from outside" },
    open: [`host-mount:~/${place}`],
  };
}

const WAIT = "const { writeFileSync } = require('node:fs'); await new Promise((done) => setTimeout(done, 3_000));";
const PATIENT = { companion: companion(WAIT) };

export const MEMORY: readonly Twin[] = [
  obeyedDirectory("git-hooks", ".git/hooks", "Git's hooks can be written"),
  obeyed("git-settings", ".git/config", "Git's settings can be written"),
  named(
    "git-hooks-path",
    "the directory that core.hooksPath names can be written",
    "[core]\n\thooksPath = .githooks\n",
    ".githooks",
    "git-settings:.githooks",
    true,
  ),
  named(
    "git-include",
    "a file that Git's settings include can be written",
    "[include]\n\tpath = ../team.gitconfig\n",
    "team.gitconfig",
    "git-settings:team.gitconfig",
    false,
  ),
  named(
    "git-filter-program",
    "a program that Git's settings start can be written",
    '[filter "words"]\n\tclean = sh tools/clean.sh\n',
    "tools/clean.sh",
    "git-program:filter.words.clean",
    false,
  ),
  {
    name: "submodule-hooks",
    category: "memory",
    weak: "a submodule's hooks and settings can be written",
    given: (stage) => bound(`${WORKSPACE}/.git/modules/lib`, stage.tree({ HEAD: "", config: "", hooks: undefined })),
    weaken: (_, sibling) => writable(sibling, `${WORKSPACE}/.git/modules/lib`),
    flips: ["git-settings:.git/modules/lib/config", "git-settings:.git/modules/lib/hooks"],
    alongside: { "host-mount:.git/modules/lib": "it comes from outside" },
    open: ["host-mount:.git/modules/lib"],
  },
  obeyed("agent-settings", ".claude/settings.json", "the agent's own permissions can be written"),
  obeyed("tool-servers", ".mcp.json", "the list of MCP servers can be written"),
  obeyed("editor-tasks", ".vscode/tasks.json", "the editor's tasks can be written"),
  obeyedDirectory("pipeline", ".github/workflows", "CI workflows can be written"),
  obeyed("own-policy", ".devcontainer/devcontainer.json", "the next sandbox's own definition can be written"),
  obeyed("image-recipe", "Dockerfile", "the recipe of the next image can be written"),
  obeyed("tool-versions", "mise.toml", "the tools and tasks of the next shell can be written"),
  obeyed("own-approval", "intended.yaml", "what the team takes on can be written by what it is held to"),
  obeyed("instructions", "~/.claude/CLAUDE.md", "the agent's standing instructions can be written"),
  {
    name: "settings-creatable",
    category: "memory",
    weak: "the agent's settings are not there and can be made",
    given: (stage) => bound(`${WORKSPACE}/.claude`, stage.tree()),
    weaken: (_, sibling) => writable(sibling, `${WORKSPACE}/.claude`),
    flips: ["trust-file-creatable:.claude/settings.json"],
    alongside: {
      "trust-file-creatable:.claude/settings.local.json": "of the same directory",
      "trust-file-creatable:.claude/commands": "of the same directory",
      "trust-file-creatable:.claude/agents": "of the same directory",
      "trust-file-creatable:.claude/skills": "of the same directory",
      "trust-file-creatable:.claude/hooks": "of the same directory",
      "trust-file-creatable:.claude/rules": "of the same directory",
      "host-mount:.claude": "it comes from outside",
    },
    open: ["host-mount:.claude"],
  },
  {
    name: "trust-file-changed",
    category: "memory",
    weak: "the agent's own permissions were changed after it began",
    // The companion waits until the margin is past before it writes; in the sibling it waits as long and writes nothing.
    given: (stage) => ({
      ...bound(`${WORKSPACE}/.claude/settings.json`, stage.file("{}")),
      ...PATIENT,
    }),
    // A file of its own: the sibling would see the change of a common one.
    weaken: (stage) => ({
      mounts: [{ kind: "bind", source: stage.file("{}"), path: `${WORKSPACE}/.claude/settings.json`, mode: "rw" }],
      companion: companion(`${WAIT} writeFileSync("${WORKSPACE}/.claude/settings.json", "{}\\n");`),
    }),
    flips: ["trust-file-changed:.claude/settings.json"],
    alongside: {
      "trust-file:.claude/settings.json": "else it could not have been changed",
      "host-mount:.claude/settings.json": "it comes from outside",
    },
    open: ["host-mount:.claude/settings.json", ...OF_THE_COMPANION],
  },
  starts("shell-start", ".bashrc", "the shell's start-up file can be written", (stage) => stage.file("")),
  starts("user-programs", ".local/bin", "programs can be put in the user's PATH", (stage) => stage.tree()),
  {
    name: "memory-store",
    category: "memory",
    weak: "what an agent remembers can be written, and is kept for the next run",
    given: (stage) =>
      bound(`${HOME}/.codex`, stage.tree({ sessions: undefined, "config.toml": "", "AGENTS.md": "" })),
    weaken: (_, sibling) => writable(sibling, `${HOME}/.codex`),
    flips: ["memory-store:~/.codex", "memory-store:~/.codex/sessions"],
    alongside: {
      "host-mount:~/.codex": "it comes from outside",
      "trust-file:~/.codex/config.toml": "of the same directory",
      "trust-file:~/.codex/AGENTS.md": "of the same directory",
      "agent-credential-file:~/.codex/sessions": "of the same directory",
    },
    open: ["host-mount:~/.codex", "agent-credential-file:~/.codex/sessions"],
  },
  {
    name: "git-variable",
    category: "memory",
    weak: "a variable names a program that Git runs",
    weaken: () => ({ env: { GIT_EXTERNAL_DIFF: "/workspace/diff" } }),
    flips: ["git-environment:GIT_EXTERNAL_DIFF"],
  },
];
