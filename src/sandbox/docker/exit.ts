import type Docker from "dockerode";
import { z } from "zod";
import { sleep } from "../../base/clock.ts";
import { isAlive } from "../../stop/processes.ts";
import type { ProcessId } from "../../stop/stop.ts";
import type { Exit } from "../sandbox.ts";

const POLL_MS = 100;

const Waited = z.object({ StatusCode: z.int() });

/**
 * The end of a container. By the engine's word while it gives one; if it fails or forgets the container, by the life of the
 * process, and then nobody knows the code. Never rejects.
 */
export async function exitOf(container: Docker.Container, first: ProcessId): Promise<Exit> {
  try {
    const { StatusCode: code } = Waited.parse(await container.wait());
    // 128 + 9, as the engine writes a death by SIGKILL.
    return code === 137 ? { code: null, signal: "SIGKILL" } : { code, signal: null };
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    while (isAlive(first)) await sleep(POLL_MS);
    return { code: null, signal: null };
  }
}
