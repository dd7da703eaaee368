import { bubblewrapDriver } from "./bubblewrap/bubblewrap.ts";
import { DEFAULT_ENGINE_SOCKET, dockerDriver } from "./docker/docker.ts";
import { runscDriver } from "./runsc/runsc.ts";
import type { Driver } from "./sandbox.ts";
import { STRICT_PROFILE_PATH } from "./seccomp.ts";

/** Every backend, ready or not: `check` says whether its tool is here, `boots` in contract.ts whether it works. */
export function drivers(options: { runDirectory: string; dockerSocket?: string; dockerImage?: string }): Driver[] {
  const { runDirectory, dockerSocket: socket = DEFAULT_ENGINE_SOCKET, dockerImage } = options;
  const image = dockerImage === undefined ? {} : { image: dockerImage };
  const engine = { socket, runDirectory, seccompPath: STRICT_PROFILE_PATH, ...image };
  return [
    dockerDriver({ ...engine, runtime: "runsc" }),
    runscDriver({ runDirectory }),
    dockerDriver({ ...engine, runtime: "runc" }),
    bubblewrapDriver({ runDirectory }),
  ];
}
