import type Docker from "dockerode";
import { OperatorError } from "../../base/errors.ts";
import { ANSWER_MS } from "./engine.ts";

/**
 * Is waited for also when `signal` aborts, for a while: the engine makes it whether or not we hang up, and may do so after
 * our look. Throws OperatorError when the answer names no container.
 */
export async function createContainer(
  docker: Docker,
  body: Docker.ContainerCreateOptions,
  signal: AbortSignal,
): Promise<Docker.Container> {
  const given = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(() => given.reject(signal.reason), ANSWER_MS);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const container = await Promise.race([docker.createContainer(body), given.promise]);
    if (/^[0-9a-f]{64}$/.test(container.id)) return container;
    throw new OperatorError("the engine answers a create without a container's id", "see that it is a Docker engine");
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
