import type Docker from "dockerode";
import { z } from "zod";
import { sleep } from "../../base/clock.ts";
import { isAlive } from "../../stop/processes.ts";
import type { ProcessId } from "../../stop/stop.ts";
import type { Exit } from "../sandbox.ts";

const POLL_MS = 50;
/** For an engine that lives to say with what code a process that is dead has ended. */
const LAST_WORD_MS = 1_000;

const Waited = z.object({ StatusCode: z.int() });

/**
 * The end of a container. By the engine's word while it gives one; if it fails, forgets the container, or dies with its answer
 * half sent, which its client does not notice, by the life of the process, and then nobody knows the code. Never rejects.
 */
export async function exitOf(container: Docker.Container, first: ProcessId): Promise<Exit> {
  const told = new AbortController();
  const unknown = silentEnd(first, told.signal);
  const word = wordOf(container).then((exit) => exit ?? unknown);
  const exit = await Promise.race([word, unknown]);
  told.abort();
  return exit;
}

/** When the process is dead and no word came. Looks no more once one did. */
async function silentEnd(first: ProcessId, told: AbortSignal): Promise<Exit> {
  while (!told.aborted && isAlive(first)) await sleep(POLL_MS);
  if (!told.aborted) await sleep(LAST_WORD_MS);
  return { code: null, signal: null };
}

async function wordOf(container: Docker.Container): Promise<Exit | undefined> {
  try {
    const { StatusCode: code } = Waited.parse(await container.wait());
    // 128 + 9, as the engine writes a death by SIGKILL.
    return code === 137 ? { code: null, signal: "SIGKILL" } : { code, signal: null };
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return undefined;
  }
}
