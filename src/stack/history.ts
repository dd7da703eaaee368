import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { exec, TOOL_PATH } from "../base/exec.ts";

/** Whether the workspace's history could be made anew. */
export type History = { status: "made" } | { status: "none"; reason: string };

/**
 * Makes a repository of one commit out of the clone's files. The original's objects hold every credential that was ever
 * committed, so none is taken. Neither the original's configuration nor the user's is read while git works, and no hook runs.
 */
export async function freshHistory(workspace: string, branch: string, signal: AbortSignal): Promise<History> {
  const kept = join(workspace, ".git");
  const aside = join(workspace, "..", ".git-kept");
  if (existsSync(kept)) renameSync(kept, aside);
  try {
    const steps = [
      ["init", "--quiet", "--template=", `--initial-branch=${branch}`],
      ["add", "--all", "--", "."],
      ["commit", "--quiet", "--allow-empty", "--no-verify", "--message=Initial commit"],
    ];
    for (const step of steps) {
      const done = await git(workspace, step, signal);
      if (done.code !== 0) return dropped(workspace, `git ${step[0]} ended with ${done.code ?? "a signal"}`);
    }
    return { status: "made" };
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    return dropped(workspace, "git is not on this machine");
  } finally {
    if (existsSync(aside)) restore(aside, kept);
  }
}

function git(workspace: string, args: readonly string[], signal: AbortSignal) {
  const settings = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "commit.gpgSign=false",
    "core.autocrlf=false",
  ];
  const identity = ["user.name=dev", "user.email=dev@localhost.invalid", "advice.addEmbeddedRepo=false"];
  const options = [...settings, ...identity].flatMap((setting) => ["-c", setting]);
  const env = {
    PATH: TOOL_PATH,
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_CEILING_DIRECTORIES: join(workspace, ".."),
    LC_ALL: "C",
  };
  return exec(["git", ...options, ...args], { cwd: workspace, env, signal, timeoutMs: 60_000 });
}

function dropped(workspace: string, reason: string): History {
  rmSync(join(workspace, ".git"), { recursive: true, force: true });
  return { status: "none", reason };
}

/** The stripped configuration and hooks go over git's own. */
function restore(aside: string, git: string): void {
  mkdirSync(git, { recursive: true });
  for (const name of ["config", "hooks", "info", "description"]) {
    if (!existsSync(join(aside, name))) continue;
    rmSync(join(git, name), { recursive: true, force: true });
    renameSync(join(aside, name), join(git, name));
  }
  rmSync(aside, { recursive: true, force: true });
}
