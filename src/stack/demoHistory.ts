import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, messageOf, OperatorError } from "../base/errors.ts";
import { exec, TOOL_PATH } from "../base/exec.ts";

/** The demo workspace's past: four commits by a made-up author at fixed times, the same object ids each time. */
const COMMITS = [
  {
    at: "2026-03-02T09:12:00Z",
    message: "Keep the desk's tickets in one file and serve them",
    paths: ["package.json", "README.md", ".gitignore", ".env.example", "src", "data", "test"],
  },
  { at: "2026-04-14T13:40:00Z", message: "Let agents read the queue", paths: ["tools", ".mcp.json"] },
  { at: "2026-05-20T07:55:00Z", message: "Work in a container", paths: [".devcontainer"] },
  { at: "2026-06-08T15:21:00Z", message: "Write down how we work", paths: ["CLAUDE.md", "AGENTS.md", ".claude"] },
] as const;

/** @param devcontainer the devcontainer.json that is committed; the working tree keeps its own. */
export async function writeHistory(workspace: string, devcontainer: string): Promise<void> {
  const file = join(workspace, ".devcontainer/devcontainer.json");
  const working = await readFile(file, "utf8");
  await writeFile(file, devcontainer);
  await git(workspace, COMMITS[0].at, ["init", "--quiet", "--initial-branch=main", "--template="]);
  for (const { at, message, paths } of COMMITS) {
    await git(workspace, at, ["add", "--", ...paths]);
    await git(workspace, at, ["commit", "--quiet", `--message=${message}`]);
  }
  await writeFile(file, working);
}

async function git(workspace: string, at: string, args: string[]): Promise<void> {
  const person = { NAME: "Harbor Developer", EMAIL: "dev@harbor-desk.example", DATE: at };
  const env: Record<string, string> = {
    PATH: TOOL_PATH,
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    // A demo inside a checkout must never write into that checkout's repository.
    GIT_DIR: join(workspace, ".git"),
    GIT_WORK_TREE: workspace,
  };
  for (const [key, value] of Object.entries(person)) {
    env[`GIT_AUTHOR_${key}`] = value;
    env[`GIT_COMMITTER_${key}`] = value;
  }
  const settings = [
    "-c",
    "core.autocrlf=false",
    "-c",
    "core.fileMode=false",
    "-c",
    "gc.auto=0",
    "-c",
    "commit.gpgSign=false",
  ];
  try {
    const result = await exec(["git", ...settings, ...args], { cwd: workspace, env, timeoutMs: 20_000 });
    if (result.code === 0) return;
    throw new Error(`git ${args[0]} ended with ${result.code}: ${result.stderr.trim()}`);
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    throw new OperatorError(`git does not start: ${messageOf(thrown)}`, "install git: the demo stack has a history", {
      cause: thrown,
    });
  }
}
