import { request } from "node:http";

/** What a Docker engine said when told to remove a container by force. Its word is no proof; an engine that says nothing is not "gone". */
export type EngineAnswer =
  | { status: "gone" }
  | { status: "left"; evidence: string }
  | { status: "no-answer"; reason: string };

/** A frozen engine accepts the connection and never answers, so every call has an end. */
export const ENGINE_DEADLINE_MS = 3_000;

/**
 * `DELETE /containers/<name>?force=1&v=1`, without the engine's client, so that it works in the watchdog. 409 is a removal
 * already under way. Never `stop` or `pause`: the first waits for the guest's consent, the second can hang gVisor.
 */
export function removeContainer(
  engineSocket: string,
  name: string,
  deadlineMs = ENGINE_DEADLINE_MS,
): Promise<EngineAnswer> {
  return new Promise((resolve) => {
    const path = `/containers/${encodeURIComponent(name)}?force=1&v=1`;
    const call = request({
      socketPath: engineSocket,
      path,
      method: "DELETE",
      signal: AbortSignal.timeout(deadlineMs),
    });
    call.once("response", (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      if (status === 404 || status === 204) resolve({ status: "gone" });
      else resolve({ status: "left", evidence: `the engine answered ${status}` });
    });
    call.once("error", (error) =>
      resolve({ status: "no-answer", reason: `engine ${engineSocket}: ${error.message}` }),
    );
    call.end();
  });
}

/**
 * Shims and runtimes at work (`runsc … delete <id>`): they tell the engine of a death and clean up after it. Killed with the
 * rest they cost it seconds to find out (up to 10 with gVisor, measured), so they are spared for a moment. A guest that
 * dresses up as one gains nothing: its pid and its cgroup are known.
 */
export function isEnginesOwn(commandLine: string): boolean {
  return /^(?:\/bin\/sh )?(?:\S*\/)?(?:containerd-shim\S*|runc|runsc|crun|youki) /.test(commandLine);
}
