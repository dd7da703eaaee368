import { spawn } from "node:child_process";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { look, processesOf } from "../../src/sandbox/looks.ts";
import { type Driver, type Sandbox, type SandboxSpec, STRICT } from "../../src/sandbox/sandbox.ts";
import { findProcesses, holdsName, killProcess } from "../../src/stop/processes.ts";

/**
 * A driver whose sandboxes are real processes that bear the name in their command line, for tests of what happens around a
 * sandbox. Each fault is one that a real backend was seen to have.
 */
export type Faults = {
  /** Starts the process, then fails: a lost reply. */
  createFailsAfterStart?: boolean;
  /** Starts the process, and comes back only so much later, deaf to the signal. */
  createDelayMs?: number;
  /** It starts a helper besides, which bears the name, is recorded nowhere, and is not ended by kill or destroy. */
  survives?: boolean;
  killHangs?: boolean;
  lookFails?: boolean;
  listFails?: boolean;
};

/** Knows only the sandboxes of this cycle, so that two test files do not sweep each other's. */
export function fakeDriver(
  cycle: string,
  faults: Faults = {},
  spawned: (pid: number) => void = () => undefined,
): Driver {
  const destroy = (name: string): Promise<void> => {
    if (!faults.survives) for (const id of findProcesses((p) => holdsName(p.commandLine, name))) killProcess(id);
    return Promise.resolve();
  };
  return {
    kind: "bubblewrap",
    isolation: "container",
    cannot: [],
    check: () => Promise.resolve({ status: "ready", version: "fake" }),
    async create(spec): Promise<Sandbox> {
      if (faults.survives) await sleeper(spec.name, spawned);
      const { child, pid } = await sleeper(spec.name, spawned);
      const exited: Sandbox["exited"] = once(child, "exit").then(([code, signal]) => ({ code, signal }));
      if (faults.createDelayMs !== undefined) await new Promise((later) => setTimeout(later, faults.createDelayMs));
      if (faults.createFailsAfterStart) throw new Error("the reply was lost");
      return {
        name: spec.name,
        role: spec.role,
        driver: "bubblewrap",
        isolation: "container",
        pid,
        channel: new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() }),
        exited,
        stderrTail: () => "",
        kill: () => (faults.killHangs ? new Promise(() => undefined) : destroy(spec.name)),
      };
    },
    list() {
      if (faults.listFails) return Promise.reject(new Error("the backend does not answer"));
      const names = findProcesses((p) => p.commandLine.startsWith(`wd-${cycle}-`)).map(
        (p) => p.commandLine.split(" ")[0] ?? "",
      );
      return Promise.resolve(names);
    },
    destroy,
    look(name) {
      if (faults.lookFails) return Promise.reject(new Error("no right to look"));
      return Promise.resolve([look("fake processes", () => processesOf(name))]);
    },
  };
}

async function sleeper(name: string, spawned: (pid: number) => void) {
  const child = spawn("sleep", ["300"], { argv0: name, stdio: "ignore", detached: true });
  await once(child, "spawn");
  child.unref();
  const pid = child.pid ?? 0;
  spawned(pid);
  return { child, pid };
}

export function fakeSpec(cycle: string, n = 1): SandboxSpec {
  return {
    name: `wd-${cycle}-scratch-${n}`,
    cycle,
    role: "scratch",
    rootfs: "/nonexistent",
    guest: "/nonexistent",
    mounts: [],
    env: {},
    cwd: "/",
    uid: 65_534,
    gid: 65_534,
    limits: { memoryMiB: 64, cpus: 1, pids: 64 },
    confinement: STRICT,
  };
}
