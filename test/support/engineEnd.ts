import { type ChildProcess, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TOOL_PATH } from "../../src/base/exec.ts";
import { findProcesses, isAlive, killProcess, type Process } from "../../src/stop/processes.ts";

/** What an engine of ours for tests consists of, to know when it is ready and that nothing of it is left. */
export type Parts = {
  /** Everything that it keeps. */
  home: string;
  socket: string /** The control group of its containers. */;
  group: string;
};

const READY_MS = 30_000;
const STOP_MS = 10_000;

/** Ends it, and throws with the end of its log, when it does not answer. */
export async function ready(child: ChildProcess, parts: Parts): Promise<void> {
  try {
    await readiness(child, parts);
  } catch (thrown) {
    const path = join(parts.home, "log");
    const log = existsSync(path) ? readFileSync(path, "utf8").slice(-2_000) : "no log";
    await end(child, parts);
    throw new Error(`the engine did not start: ${log}`, { cause: thrown });
  }
}

async function readiness(child: ChildProcess, { socket }: Parts): Promise<void> {
  const endsAtMs = performance.now() + READY_MS;
  while (performance.now() < endsAtMs) {
    if (child.exitCode !== null) throw new Error(`it exited with ${child.exitCode}`);
    if (existsSync(socket) && (await answers(socket))) return;
    await sleep(100);
  }
  throw new Error(`no answer within ${READY_MS} ms`);
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ socketPath, path: "/_ping", signal: AbortSignal.timeout(2_000) }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.once("error", () => resolve(false));
    call.end();
  });
}

/** Politely first, so that the engine unmounts what it mounted; then whatever still holds the directory's name. */
export async function end(child: ChildProcess, { home, group }: Parts): Promise<void> {
  child.kill("SIGCONT");
  child.kill("SIGTERM");
  await hasEnded(child);
  await until(() => {
    for (const one of ours(home, group)) killProcess(one);
    return ours(home, group).filter(isAlive).length === 0;
  }, STOP_MS);
  await until(() => {
    for (const mount of mountsUnder(home).toReversed())
      spawnSync("umount", ["-l", mount], { env: { PATH: TOOL_PATH } });
    return mountsUnder(home).length === 0;
  }, STOP_MS);
  await until(() => removeGroups(group), 2_000);
  rmSync(home, { recursive: true, force: true });
  const left = [...ours(home, group).map((p) => p.commandLine), ...mountsUnder(home), ...groupDirectories(group)];
  if (left.length > 0 || existsSync(home)) throw new Error(`the engine left ${[home, ...left].join(", ")}`);
}

export function hasEnded(child: ChildProcess, withinMs = STOP_MS): Promise<void> {
  return until(() => child.exitCode !== null || child.signalCode !== null, withinMs);
}

/** Shims and containerd bear the exec-root in their arguments; the workloads, the cgroup. */
function ours(home: string, group: string): Process[] {
  return findProcesses((p) => p.commandLine.includes(home) || p.cgroup.includes(`:${group}/`));
}

function mountsUnder(home: string): string[] {
  const points = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "");
  return points.filter((point) => point.startsWith(`${home}/`));
}

function groupDirectories(group: string): string[] {
  const roots = ["/sys/fs/cgroup", ...readdirSync("/sys/fs/cgroup").map((name) => join("/sys/fs/cgroup", name))];
  return roots.map((root) => join(root, group)).filter((path) => existsSync(path));
}

function removeGroups(group: string): boolean {
  for (const root of groupDirectories(group)) {
    const below = readdirSync(root, { withFileTypes: true, recursive: true }).filter((entry) => entry.isDirectory());
    const deepestFirst = below.map((entry) => join(entry.parentPath, entry.name)).sort((a, b) => b.length - a.length);
    for (const directory of [...deepestFirst, root]) if (existsSync(directory)) tryRemove(directory);
  }
  return groupDirectories(group).length === 0;
}

/** EBUSY while the kernel still reaps: asked again until the deadline, and what is left is then an error. */
function tryRemove(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (thrown) {
    if (!String(thrown).includes("EBUSY")) throw thrown;
  }
}

async function until(isDone: () => boolean, timeoutMs: number): Promise<void> {
  const endsAtMs = performance.now() + timeoutMs;
  while (!isDone() && performance.now() < endsAtMs) await sleep(50);
}
