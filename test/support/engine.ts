import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TOOL_PATH } from "../../src/base/exec.ts";
import { findProcesses, isAlive, killProcess, type Process } from "../../src/stop/processes.ts";

/**
 * A Docker engine of our own for tests: in a network namespace with nothing but loopback, so that not even `--network host`
 * reaches anything, with runc and gVisor as runtimes and all its data in one temporary directory.
 */
export type Engine = {
  socket: string;
  /** The engine itself, to freeze it. */
  pid: number;
  /** Ends it and everything that it started, and throws when something is left. */
  stop(): Promise<void>;
};

const READY_MS = 30_000;
const STOP_MS = 10_000;

export async function startEngine(): Promise<Engine> {
  for (const program of ["dockerd", "runc", "runsc", "containerd"]) {
    const found = TOOL_PATH.split(":").some((directory) => existsSync(join(directory, program)));
    if (!found) throw new Error(`${program} is not installed: apt-get install docker.io runsc`);
  }
  const home = mkdtempSync(join(tmpdir(), "wdeng-"));
  const socket = join(home, "engine.sock");
  const group = `/${home.split("/").at(-1)}`;
  const engine = { home, socket, group };
  const child = launch(engine);
  const stop = () => end(child, engine);
  try {
    await readiness(child, engine);
  } catch (thrown) {
    const log = existsSync(join(home, "log")) ? readFileSync(join(home, "log"), "utf8").slice(-2_000) : "no log";
    await stop();
    throw new Error(`the engine did not start: ${log}`, { cause: thrown });
  }
  return { socket, pid: child.pid ?? 0, stop };
}

type Parts = { home: string; socket: string; group: string };

function launch({ home, socket, group }: Parts): ChildProcess {
  const config = {
    "data-root": join(home, "data"),
    "exec-root": join(home, "exec"),
    pidfile: join(home, "pid"),
    hosts: [`unix://${socket}`],
    bridge: "none",
    iptables: false,
    "cgroup-parent": group,
    runtimes: { runsc: { path: "runsc", runtimeArgs: ["--platform=ptrace", "--network=none"] } },
  };
  mkdirSync(join(home, "tmp"));
  writeFileSync(join(home, "config.json"), JSON.stringify(config));
  const log = openSync(join(home, "log"), "a");
  // `exec` twice over, so that the child's pid is the engine's.
  const argv = ["-n", "sh", "-c", `ip link set lo up && exec dockerd --config-file "$0"`, join(home, "config.json")];
  const env = { PATH: TOOL_PATH, DOCKER_TMPDIR: join(home, "tmp"), HOME: home };
  const child = spawn("unshare", argv, { stdio: ["ignore", log, log], env, detached: true });
  closeSync(log);
  return child;
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
async function end(child: ChildProcess, { home, group }: Parts): Promise<void> {
  child.kill("SIGCONT");
  child.kill("SIGTERM");
  await until(() => child.exitCode !== null || child.signalCode !== null, STOP_MS);
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
