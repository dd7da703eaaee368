import type { AgentKind } from "./stack.ts";

/**
 * What a clone may hold. Below home only what stands here is copied; `*` is any part of one name, `**` any number of directories.
 * The developer's own credential files are among them: a clone without them would be no believable home, and they hold
 * fakes when they arrive. Databases, keyrings, sockets and caches are in no list.
 */
const AGENT_FILES: Record<AgentKind, readonly string[]> = {
  "claude-code": [
    ".claude.json",
    ".claude/.credentials.json",
    ".claude/*.json",
    ".claude/*.md",
    ".claude/history.jsonl",
    ".claude/{agents,commands,hooks,skills,output-styles,rules}/**",
    ".claude/projects/**/*.jsonl",
    ".claude/plugins/**/*.json",
    ".claude/plugins/**/*.md",
    ".claude/{todos,shell-snapshots,statsig}/*",
    ".config/{Claude,claude}/*.json",
  ],
  codex: [
    ".codex/*.toml",
    ".codex/*.json",
    ".codex/.credentials.json",
    ".codex/*.md",
    ".codex/history.jsonl",
    ".codex/version.json",
    ".codex/{prompts,skills,rules,agents}/**",
    ".codex/sessions/**/*.jsonl",
    ".codex/plugins/**/.mcp.json",
  ],
  "gemini-cli": [
    ".gemini/*.json",
    ".gemini/*.md",
    ".gemini/.env",
    ".gemini/{commands,extensions,skills,agents,policies}/**",
    ".gemini/antigravity/*.json",
  ],
  cursor: [
    ".cursor/*.json",
    ".cursor/{rules,agents,commands,hooks,skills}/**",
    ".cursor/plugins/**/*.json",
    ".config/Cursor/User/*.json",
    ".cursor-server/data/User/*.json",
  ],
  vscode: [
    ".config/{Code,Code - Insiders,VSCodium}/User/*.json",
    ".config/{Code,Code - Insiders}/User/profiles/*/*.json",
    ".vscode/*.json",
    ".vscode-server/data/User/*.json",
    ".copilot/*.json",
    ".config/github-copilot/*.json",
  ],
};

/** In a home whatever the agent is: any of them can read these. */
const COMMON_FILES: readonly string[] = [
  "AGENTS.md",
  "CLAUDE.md",
  "GEMINI.md",
  ".mcp.json",
  ".srt-settings.json",
  ".agents/**",
  ".config/mcp/*.json",
  ".env",
  ".env.*",
  ".envrc",
  ".aws/{credentials,config}",
  ".aws/amazonq/*.json",
  ".azure/*.json",
  ".config/gcloud/{application_default_credentials.json,configurations/*,active_config}",
  ".kube/config",
  ".docker/config.json",
  ".docker/{daemon,contexts/meta/*/meta}.json",
  ".npmrc",
  ".yarnrc",
  ".yarnrc.yml",
  ".pypirc",
  ".config/pip/pip.conf",
  ".netrc",
  "_netrc",
  ".git-credentials",
  ".gitconfig",
  ".config/git/*",
  ".ssh/*",
  ".config/gh/*.yml",
  ".config/glab-cli/*.yml",
  ".pgpass",
  ".my.cnf",
  ".s3cfg",
  ".boto",
  ".terraformrc",
  ".terraform.d/*.json",
  ".vault-token",
  ".sentryclirc",
  ".config/{hub,doctl/config.yaml,rclone/rclone.conf,wrangler/config/default.toml}",
  ".cargo/credentials.toml",
  ".gem/credentials",
  ".m2/settings.xml",
  ".gradle/gradle.properties",
  ".local/share/opencode/*.json",
  ".config/{opencode,goose,zed}/*.{json,yaml,yml}",
  ".continue/*.{json,yaml}",
  ".aider.conf.yml",
  ".codeium/**/mcp_config.json",
  ".cache/huggingface/token",
  ".{bashrc,bash_profile,bash_aliases,bash_history,profile,zshrc,zshenv,zprofile,zsh_history,inputrc,vimrc,tmux.conf}",
  ".{python,node_repl,psql,mysql,sqlite,rediscli}_history",
  ".config/fish/*.fish",
  ".local/share/fish/fish_history",
];

/** Directories of a workspace that are made from the rest or from a registry: large, and no place where people keep credentials. */
export const MADE_DIRECTORIES = new Set(
  "node_modules dist build out target coverage .venv venv __pycache__ .next .nuxt .turbo .cache .gradle .tox .mypy_cache .pytest_cache .ruff_cache .terraform bower_components .pnpm-store .yarn DerivedData".split(
    " ",
  ),
);

/** Text inside these is not found by a reader of text: they stay out. */
export const BINARY_NAMES =
  /\.(vscdb|vscdb\.backup|sqlite3?|db3?|db-(wal|shm|journal)|kdbx|p12|pfx|jks|keystore|gpg|pgp|asc\.gpg|zip|tgz|gz|bz2|xz|zst|7z|rar|jar|whl|png|jpe?g|gif|webp|ico|pdf|woff2?|ttf|mp[34]|mov|so|dylib|dll|exe|node|wasm|pyc|o|a|bin|iso|img|core|swp|swo|undo)$/i;

/** The globs for a stack, relative to home. `include` adds its own, `home/…`. */
export function allowedInHome(agents: readonly AgentKind[], include: readonly string[]): string[] {
  const own = include.filter((glob) => glob.startsWith("home/")).map((glob) => glob.slice("home/".length));
  return [...agents.flatMap((agent) => AGENT_FILES[agent]), ...COMMON_FILES, ...own];
}

/** Directories of the workspace that `include` asks for although they are made ones. */
export function includedInWorkspace(include: readonly string[]): string[] {
  return include.filter((glob) => glob.startsWith("workspace/")).map((glob) => glob.slice("workspace/".length));
}
