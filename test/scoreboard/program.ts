import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { TOOL_PATH } from "../../src/base/exec.ts";

const READY_WITHIN_MS = 15_000;

/** A proxy that somebody else wrote, in the foreground, ended by its pid. Resolves when it listens. */
export async function startProgram(argv: readonly [string, ...string[]], port: number): Promise<ChildProcess> {
  const [program, ...rest] = argv;
  const child = spawn(program, rest, { stdio: "ignore", env: { PATH: TOOL_PATH } });
  const endsAtMs = performance.now() + READY_WITHIN_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    const socket = await dialed(port);
    if (socket !== null) {
      socket.destroy();
      return child;
    }
    if (performance.now() > endsAtMs) throw new Error(`${program} does not listen on ${port}`);
    await sleep(50);
  }
}

export async function endProgram(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

function dialed(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.once("error", () => resolve(null));
  });
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
