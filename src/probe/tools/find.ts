import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { errnoOf } from "../../base/errors.ts";
import type { Mount } from "../../sandbox/sandbox.ts";

/** Agents that have a command line which can be driven without a terminal. */
export const DRIVEN = ["claude-code", "codex", "gemini-cli"] as const;
export type DrivenAgent = (typeof DRIVEN)[number];

/** An agent's command line on this machine, and how it is brought into a sandbox: read-only, and only to run there. */
export type CommandLine = {
  agent: DrivenAgent;
  /** As its package says; `unknown` for one that came without. */
  version: string;
  mounts: Mount[];
  /** How it is started inside. */
  argv: [string, ...string[]];
  /** Programs of it on this machine that link to shared libraries. */
  linked: string[];
};

export type Found = { status: "found"; commandLine: CommandLine } | { status: "absent"; reason: string };

/** Where the command lines stand inside. */
export const AGENTS_DIR = "/.agents";

/** Where npm puts what is installed for the whole machine, on Debian and by Node's own archives. */
const MACHINE_ROOTS = ["/usr/local/lib/node_modules", "/usr/lib/node_modules"];
const HOME_ROOTS = [".npm-global/lib/node_modules", ".local/lib/node_modules", ".claude/local/node_modules"];

/**
 * Looks where a person installs them: `directories` first (each a `node_modules`), the stack's home, the machine. Nothing is
 * executed.
 */
export async function findCommandLine(
  agent: DrivenAgent,
  { home, directories }: { home: string; directories: readonly string[] },
): Promise<Found> {
  const roots = [...directories, ...HOME_ROOTS.map((root) => join(home, root)), ...MACHINE_ROOTS];
  for (const root of roots) {
    for (const place of PLACES[agent]) {
      const commandLine = await place(root);
      if (commandLine !== undefined) return { status: "found", commandLine };
    }
  }
  const native = agent === "claude-code" ? await nativeClaude(home) : undefined;
  if (native !== undefined) return { status: "found", commandLine: native };
  const reason = `its command line is not on this machine: npm install ${PACKAGES[agent]}, and name the node_modules in probe.agentDirectories`;
  return { status: "absent", reason };
}

const PACKAGES: Readonly<Record<DrivenAgent, string>> = {
  "claude-code": "@anthropic-ai/claude-code",
  codex: "@openai/codex",
  "gemini-cli": "@google/gemini-cli",
};

type Place = (root: string) => Promise<CommandLine | undefined>;

const CPU = process.arch === "arm64" ? "arm64" : "x64";
const TRIPLE = process.arch === "arm64" ? "aarch64-unknown-linux-musl" : "x86_64-unknown-linux-musl";

const PLACES: Readonly<Record<DrivenAgent, readonly Place[]>> = {
  // A package of the platform, beside the main one or below it.
  "claude-code": [
    `@anthropic-ai/claude-code-linux-${CPU}`,
    `@anthropic-ai/claude-code/node_modules/@anthropic-ai/claude-code-linux-${CPU}`,
  ].map((directory) => (root) => claudeAt(join(root, directory, "claude"))),
  codex: [`@openai/codex-linux-${CPU}`, `@openai/codex/node_modules/@openai/codex-linux-${CPU}`].map(
    (directory) => (root) => codexAt(join(root, directory)),
  ),
  "gemini-cli": [(root) => geminiAt(join(root, "@google/gemini-cli"))],
};

async function claudeAt(path: string): Promise<CommandLine | undefined> {
  if (!(await isThere(path))) return undefined;
  const inside = `${AGENTS_DIR}/claude-code/claude`;
  return {
    agent: "claude-code",
    version: await versionIn(dirname(path)),
    mounts: [{ kind: "bind", source: path, path: inside, mode: "ro" }],
    argv: [inside],
    linked: [path],
  };
}

/** Of the vendor's own installer: a link to a file named by its version. */
async function nativeClaude(home: string): Promise<CommandLine | undefined> {
  const versions = join(home, ".local/share/claude/versions");
  const names = await namesIn(versions);
  const newest = names
    .filter((name) => /^\d+\.\d+\.\d+$/.test(name))
    .toSorted(byVersion)
    .at(-1);
  const found = newest === undefined ? undefined : await claudeAt(join(versions, newest));
  return found === undefined ? undefined : { ...found, version: newest ?? "unknown" };
}

function byVersion(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** Linked statically, with helpers that it looks for beside itself. */
async function codexAt(directory: string): Promise<CommandLine | undefined> {
  const vendor = join(directory, "vendor", TRIPLE);
  if (!(await isThere(join(vendor, "bin/codex")))) return undefined;
  const inside = `${AGENTS_DIR}/codex`;
  return {
    agent: "codex",
    version: await versionIn(directory),
    mounts: [{ kind: "bind", source: await realpath(vendor), path: inside, mode: "ro" }],
    argv: [`${inside}/bin/codex`],
    linked: [],
  };
}

async function geminiAt(directory: string): Promise<CommandLine | undefined> {
  if (!(await isThere(join(directory, "bundle/gemini.js")))) return undefined;
  const inside = `${AGENTS_DIR}/gemini-cli`;
  return {
    agent: "gemini-cli",
    version: await versionIn(directory),
    mounts: [{ kind: "bind", source: await realpath(directory), path: inside, mode: "ro" }],
    argv: [`${AGENTS_DIR}/bin/node`, `${inside}/bundle/gemini.js`],
    linked: [],
  };
}

const PackageJson = z.object({ version: z.string().max(60) });

async function versionIn(directory: string): Promise<string> {
  const path = join(directory, "package.json");
  if (!(await isThere(path))) return "unknown";
  const parsed = PackageJson.safeParse(JSON.parse(await readFile(path, "utf8")));
  // A platform's package carries the platform behind the version.
  return parsed.success ? parsed.data.version.replace(/-linux-.*$/, "") : "unknown";
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).map((name) => basename(name));
  } catch (thrown) {
    if (isAbsent(thrown)) return [];
    throw thrown;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (thrown) {
    if (isAbsent(thrown)) return false;
    throw thrown;
  }
}

function isAbsent(thrown: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "EACCES", "ELOOP"].includes(errnoOf(thrown) ?? "");
}
