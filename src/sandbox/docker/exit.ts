import type Docker from "dockerode";
import { sleep } from "../../base/clock.ts";
import { isAlive, processId } from "../../stop/processes.ts";
import type { Exit } from "../sandbox.ts";

const POLL_MS = 100;

/**
 * The end of a container. By the engine's word while it gives one; if it fails or forgets the container, by the life of the
 * process, and then nobody knows the code. Never rejects.
 */
export async function exitOf(container: Docker.Container, pid: number): Promise<Exit> {
  const id = processId(pid);
  try {
    const { StatusCode: code } = (await container.wait()) as { StatusCode: number };
    // 128 + 9, as the engine writes a death by SIGKILL.
    return code === 137 ? { code: null, signal: "SIGKILL" } : { code, signal: null };
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    if (id !== undefined) while (isAlive(id)) await sleep(POLL_MS);
    return { code: null, signal: null };
  }
}
