import { posix } from "node:path";
import type { Hook } from "../agents/agent.ts";
import { type AuditCheck, type AuditInput, type AuditRow, isSettingsFile, unreadRows } from "./check.ts";

/**
 * A hook whose program lies in the workspace: the agent can rewrite it, and the hook then runs it without a question
 * and outside of the agent's own sandbox. By the words of the command; a script elsewhere that calls into the
 * workspace is missed.
 */
export const hookRunsWorkspaceScript: AuditCheck = {
  check: "hook-runs-workspace-script",
  category: "tool-plane",
  async run(input) {
    const rows = input.discovered.hooks.map((hook): AuditRow => {
      const script = workspaceScript(hook, input);
      const at = `${hook.file}#${hook.place}`;
      const base = { instance: at, subject: `${hook.agent}'s ${hook.event} hook` };
      return script === undefined
        ? { ...base, verdict: "absent", detail: `${at} runs nothing of the workspace` }
        : { ...base, verdict: "reachable", access: ["execute"], detail: `${at} runs ${script}` };
    });
    return [...rows, ...unreadRows(input.discovered, isSettingsFile)];
  },
};

const PROJECT = /\$\{?(CLAUDE|GEMINI|CURSOR)_PROJECT_DIR\}?|\$\{?(PWD|workspaceFolder)\}?/g;
const HOME = /^~(?=\/|$)|\$\{?HOME\}?/g;

/** Programs that run what the workspace's own files tell them to. */
const RUNNERS = /^(npm|pnpm|yarn|bun) (run|test|start|exec)|^(make|just|task|rake)( |$)/;

function workspaceScript(hook: Hook, { reader, declared }: AuditInput): string | undefined {
  const command = hook.command.trim();
  const runner = RUNNERS.exec(command);
  if (runner !== null) return `the workspace's own ${runner[0].trim()} script`;
  const workspaces = [reader.roots.workspace, declared.workspacePath];
  for (const word of wordsOf(command)) {
    if (!word.includes("/") || word.includes("://") || word.startsWith("-")) continue;
    const path = word.replace(PROJECT, reader.roots.workspace).replace(HOME, reader.roots.home);
    // A hook's working directory is the workspace, so that a relative path lies there.
    const absolute = posix.resolve(reader.roots.workspace, path);
    const home = workspaces.find((workspace) => absolute.startsWith(`${workspace}/`));
    if (home !== undefined) return `workspace${absolute.slice(home.length)}`;
  }
  return undefined;
}

/** Words as a shell sees them, quotes taken off; enough for paths. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'|;&<>()])+/g)].map(([word]) => word.replace(/["']/g, ""));
}
