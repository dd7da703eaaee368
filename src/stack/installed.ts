import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { exec } from "../base/exec.ts";
import { readBounded } from "../base/files.ts";
import { oneLine } from "../base/text.ts";
import { field, parseJson, textOf } from "./formats.ts";
import type { StackReader } from "./reader.ts";
import type { AgentKind } from "./stack.ts";

/** What of the machine belongs to a snapshot. */
export type Machine = {
  kernel: string;
  /** Absolute directories that hold globally installed npm packages. */
  npmRoots: readonly string[];
  /** The program that knows Debian's packages, by name or path. */
  dpkgQuery: string;
};

const PACKAGES: Partial<Record<AgentKind, string>> = {
  "claude-code": "@anthropic-ai/claude-code",
  codex: "@openai/codex",
  "gemini-cli": "@google/gemini-cli",
};

const HOME_ROOTS = [".npm-global/lib/node_modules", ".local/lib/node_modules", ".claude/local/node_modules"];

/**
 * The version in the package.json of an agent that npm installed: in the workspace, in the home, on the machine, in
 * this order. `unknown` for one that is installed otherwise; nothing is run to ask it.
 */
export async function npmVersion(reader: StackReader, kind: AgentKind, machine: Machine): Promise<string> {
  const name = PACKAGES[kind];
  if (name === undefined) return "unknown";
  const nodes = await reader.list("home/.nvm/versions/node");
  const inStack = [
    "workspace/node_modules",
    ...HOME_ROOTS.map((root) => `home/${root}`),
    ...nodes.map((node) => `home/.nvm/versions/node/${node.name}/lib/node_modules`),
  ];
  for (const root of inStack) {
    const version = textOf(field(await reader.json(`${root}/${name}/package.json`), "version"));
    if (version !== undefined) return oneLine(version, 60);
  }
  for (const root of machine.npmRoots) {
    const version = await versionIn(join(root, name, "package.json"));
    if (version !== undefined) return version;
  }
  return "unknown";
}

async function versionIn(path: string): Promise<string | undefined> {
  try {
    const { bytes } = await readBounded(path, 256 * 1024);
    const version = textOf(
      field(
        parseJson(bytes.toString("utf8"), () => undefined),
        "version",
      ),
    );
    return version === undefined ? undefined : oneLine(version, 60);
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    return undefined;
  }
}

const ISOLATION = ["bubblewrap", "containerd", "containerd.io", "docker-ce", "docker.io", "podman", "runc", "runsc"];

/** Sorted by name. On a machine without dpkg one row says that packages were not asked. */
export async function isolationPackages(
  machine: Machine,
  signal?: AbortSignal,
): Promise<{ name: string; version: string }[]> {
  const format = "--showformat=${db:Status-Status} ${Package} ${Version}\\n";
  try {
    const result = await exec([machine.dpkgQuery, "--show", format, ...ISOLATION], {
      timeoutMs: 5_000,
      outputBytesMax: 64 * 1024,
      ...(signal === undefined ? {} : { signal }),
    });
    if (result.isTimedOut) return [{ name: "dpkg", version: "not asked: dpkg-query did not answer in 5 s" }];
    return result.stdout
      .split("\n")
      .map((line) => /^installed (\S+) (\S+)$/.exec(line))
      .flatMap((match) => (match === null ? [] : [{ name: match[1] ?? "", version: match[2] ?? "" }]))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (thrown) {
    const errno = errnoOf(thrown);
    if (errno !== "ENOENT" && errno !== "EACCES") throw thrown;
    return [{ name: "dpkg", version: "not asked: no dpkg-query here" }];
  }
}
