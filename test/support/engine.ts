import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TOOL_PATH } from "../../src/base/exec.ts";
import { end, hasEnded, type Parts, ready } from "./engineEnd.ts";

/**
 * A Docker engine of our own for tests: in a network namespace with nothing but loopback, so that not even `--network host`
 * reaches anything, with runc and gVisor as runtimes and all its data in one temporary directory.
 */
export type Engine = {
  socket: string;
  /** The engine itself, to freeze it. */
  readonly pid: number;
  /** Ends the engine with this signal and starts it anew on the same data, as an operator or a crash would. */
  restart(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Ends it and everything that it started, and throws when something is left. */
  stop(): Promise<void>;
};

/** What gVisor needs here, where there is no KVM and no network to share. */
export const RUNSC_ARGS = ["--platform=ptrace", "--network=none"];

/** Runtimes beside runc and runsc, by name. */
export type Runtimes = Record<string, { path: string; runtimeArgs?: readonly string[] }>;

export async function startEngine(runtimes: Runtimes = {}): Promise<Engine> {
  for (const program of ["dockerd", "runc", "runsc", "containerd"]) {
    const found = TOOL_PATH.split(":").some((directory) => existsSync(join(directory, program)));
    if (!found) throw new Error(`${program} is not installed: apt-get install docker.io runsc`);
  }
  const home = mkdtempSync(join(tmpdir(), "wdeng-"));
  const socket = join(home, "engine.sock");
  const group = `/${home.split("/").at(-1)}`;
  const engine = { home, socket, group };
  configure(engine, runtimes);
  let child = launch(engine);
  await ready(child, engine);
  return {
    socket,
    get pid() {
      return child.pid ?? 0;
    },
    async restart(signal) {
      child.kill(signal);
      await hasEnded(child, 30_000);
      // One that was killed leaves these, and takes a pid in them that somebody has, or a zombie, for its own still running.
      for (const name of ["engine.sock", "pid", "exec/containerd/containerd.pid"])
        rmSync(join(home, name), { force: true });
      child = launch(engine);
      await ready(child, engine);
    },
    stop: () => end(child, engine),
  };
}

function configure({ home, socket, group }: Parts, runtimes: Runtimes): void {
  const config = {
    "data-root": join(home, "data"),
    "exec-root": join(home, "exec"),
    pidfile: join(home, "pid"),
    hosts: [`unix://${socket}`],
    bridge: "none",
    iptables: false,
    "cgroup-parent": group,
    runtimes: { runsc: { path: "runsc", runtimeArgs: RUNSC_ARGS }, ...runtimes },
  };
  mkdirSync(join(home, "tmp"));
  writeFileSync(join(home, "config.json"), JSON.stringify(config));
}

function launch({ home }: Parts): ChildProcess {
  const log = openSync(join(home, "log"), "a");
  // `exec` twice over, so that the child's pid is the engine's.
  const argv = ["-n", "sh", "-c", `ip link set lo up && exec dockerd --config-file "$0"`, join(home, "config.json")];
  const env = { PATH: TOOL_PATH, DOCKER_TMPDIR: join(home, "tmp"), HOME: home };
  const child = spawn("unshare", argv, { stdio: ["ignore", log, log], env, detached: true });
  closeSync(log);
  return child;
}
