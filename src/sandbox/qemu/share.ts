import { spawn } from "node:child_process";
import { chownSync, existsSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "../../base/clock.ts";
import { OperatorError } from "../../base/errors.ts";
import { TOOL_PATH } from "../../base/exec.ts";
import { tailOf, within } from "../local.ts";
import { daemonArgv, MACHINE_UID, type Place, type Share } from "./walls.ts";

const OPEN_MS = 5_000;
const POLL_MS = 5;

/**
 * Starts the daemon that shares these places with one machine. It ends when the machine hangs up, and with us. Throws
 * OperatorError when it does not open its door, and the signal's reason; what it started then is found by its name.
 */
export async function shareDirectory(
  options: {
    program: string;
    name: string;
    tag: string;
    /** Tells the machines of one sandbox apart. */
    attempt: string;
    door: string;
    places: readonly Place[];
    isStill: boolean;
    cgroups: readonly string[];
  },
  signal: AbortSignal,
): Promise<Share> {
  const { name, tag, attempt, door, cgroups } = options;
  // The sandbox's name is in its command line by this.
  const share: Share = { tag, socket: `${name}.${tag}.${attempt}` };
  const isRoot = process.getuid?.() === 0;
  const [shell, ...args] = within(cgroups, name, daemonArgv({ ...options, share }, { isRoot }));
  const child = spawn(shell, args, { cwd: "/", env: { PATH: TOOL_PATH }, stdio: ["ignore", "ignore", "pipe"] });
  const said = tailOf(child.stderr);
  const socket = join(door, share.socket);
  const endsAtMs = performance.now() + OPEN_MS;
  while (!existsSync(socket)) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > endsAtMs) {
      child.kill("SIGKILL");
      throw new OperatorError(
        `virtiofsd did not start for ${name}: ${said().trim().slice(-500)}`,
        "see what it says",
      );
    }
    await sleep(POLL_MS, undefined, { signal });
  }
  if (isRoot) chownSync(socket, MACHINE_UID, MACHINE_UID);
  return share;
}
