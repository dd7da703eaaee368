import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { z } from "zod";
import { errnoOf, OperatorError } from "../../base/errors.ts";
import { findProcesses, processId } from "../../stop/processes.ts";
import type { ProcessId } from "../../stop/stop.ts";
import { isGuest } from "./shownIsolation.ts";

/** What the engine tells of a container that it has just started. */
type Birth = { first: ProcessId; netns: string | undefined };

const Inspected = z.object({
  State: z.object({ Pid: z.int().nonnegative(), ExitCode: z.int().default(0) }),
  NetworkSettings: z.object({ SandboxKey: z.string().optional() }).nullish(),
});

/** Between the runtime's own program and the guest's in the same process lie milliseconds. */
const BECOMES_MS = 500;
const POLL_MS = 5;

/**
 * The pid is journalled, and what is journalled is killed: the engine is believed only when that process bears the
 * container's id or name. One that counts from another process namespace than ours is looked for by name. Throws
 * OperatorError when it has ended already or cannot be told.
 */
export async function birthOf(
  container: Docker.Container,
  name: string,
  signal: AbortSignal,
  lastWords: () => string,
): Promise<Birth> {
  const told = Inspected.safeParse(await container.inspect({ abortSignal: signal }));
  if (!told.success)
    throw new OperatorError(`what the engine tells of ${name} is of no known form`, "see that it is a Docker engine");
  const { State: state, NetworkSettings: network } = told.data;
  if (state.Pid === 0) {
    const said = lastWords().trim() || `exit ${state.ExitCode}`;
    throw new OperatorError(`${name} ended as it started: ${said}`, "see the engine's log");
  }
  const endsAtMs = performance.now() + BECOMES_MS;
  for (;;) {
    const first = processId(bears(state.Pid, container.id, name) ? state.Pid : guestOf(name));
    if (first !== undefined) return { first, netns: network?.SandboxKey };
    if (performance.now() > endsAtMs)
      throw new OperatorError(
        `the engine names process ${state.Pid} as the first of ${name}, and it bears no mark of it`,
        "let weakdoor see the processes of the engine: no hidepid, the same process namespace",
      );
    await sleep(POLL_MS, undefined, { signal });
  }
}

function bears(pid: number, id: string, name: string): boolean {
  const commandLine = procText(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
  return commandLine.includes(id) || isGuest({ commandLine }, name) || procText(`/proc/${pid}/cgroup`).includes(id);
}

/** The oldest: our shell, which starts the rest. 0 names no process. */
function guestOf(name: string): number {
  const pids = findProcesses((p) => isGuest(p, name)).map(({ pid }) => pid);
  return pids.length === 0 ? 0 : Math.min(...pids);
}

function procText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ESRCH") return "";
    throw thrown;
  }
}
