import type { OpenEntry } from "../stop/journal.ts";
import { bubblewrapDriver } from "./bubblewrap/bubblewrap.ts";
import { dockerDriver } from "./docker/docker.ts";
import { askEngine, DEFAULT_ENGINE_SOCKET, type EngineFacts } from "./docker/engine.ts";
import { type E2bOptions, e2bDriver } from "./e2b/e2b.ts";
import { openLookout } from "./lookout.ts";
import { qemuDriver } from "./qemu/qemu.ts";
import { runscDriver } from "./runsc/runsc.ts";
import type { Driver } from "./sandbox.ts";
import { STRICT_PROFILE_PATH } from "./seccomp.ts";
import { srtDriver } from "./srt/srt.ts";
import { homelessIn } from "./sweep.ts";

export type DriversOptions = {
  runDirectory: string;
  dockerSocket?: string;
  dockerImage?: string;
  /** Holds boot/vmlinuz-* and lib/modules/*, when they are not in a well-known place. */
  qemuKernel?: string | undefined;
  /** What the engine at that socket said: one driver for each runtime that it has registered. */
  engine?: EngineFacts;
  /** Runtimes to have a driver for all the same, so that it can say why it is missing. */
  runtimes?: readonly string[];
  /** An outside service: there is no driver for it unless the configuration asks for one. */
  e2b?: Omit<E2bOptions, "runDirectory"> | undefined;
};

/** Every backend, ready or not: `check` says whether its tool is here, `boots` in contract.ts whether it works. */
export function drivers(options: DriversOptions): Driver[] {
  const { runDirectory, dockerSocket: socket = DEFAULT_ENGINE_SOCKET, dockerImage, engine } = options;
  // One for all: whatever ends at the same moment is looked for by the same look.
  const lookout = openLookout();
  const image = dockerImage === undefined ? {} : { image: dockerImage };
  const parts = {
    socket,
    runDirectory,
    seccompPath: STRICT_PROFILE_PATH,
    lookout,
    ...image,
    ...(engine && { engine }),
  };
  const registered = engine?.runtimes.map(({ name }) => name) ?? [];
  const others = [...new Set([...registered, ...(options.runtimes ?? [])])].filter((name) => !/^runs?c$/.test(name));
  return [
    dockerDriver({ ...parts, runtime: "runsc" }),
    runscDriver({ runDirectory, lookout }),
    dockerDriver({ ...parts, runtime: "runc" }),
    ...others.map((runtime) => dockerDriver({ ...parts, runtime })),
    bubblewrapDriver({ runDirectory, lookout }),
    srtDriver({ runDirectory, lookout }),
    // After the other ones, which are faster where it ranks no higher than they do.
    qemuDriver({ runDirectory, kernelDirectory: options.qemuKernel, lookout }),
    ...(options.e2b === undefined ? [] : [e2bDriver({ ...options.e2b, runDirectory, lookout })]),
  ];
}

/**
 * What stands in the journal may be at an engine that nobody asks any more, because the configuration says another one now
 * or could not be read: drivers for those of them that answer, beside the ones that there are.
 */
export async function withEnginesOf(
  open: readonly OpenEntry[],
  present: readonly Driver[],
  runDirectory: string,
  signal: AbortSignal,
): Promise<Driver[]> {
  const found = [...present];
  for (const entry of homelessIn(open, present)) {
    const { engineSocket: dockerSocket } = entry.hints;
    if (dockerSocket === undefined || homelessIn([entry], found).length === 0) continue;
    const others = await findDrivers({ runDirectory, dockerSocket, wanted: entry.driver }, signal);
    const [driver] = others.filter(({ kind }) => kind === entry.driver);
    if (driver !== undefined && (await driver.check(signal)).status === "ready") found.push(driver);
  }
  return found;
}

/** As `drivers`, with what the engine has registered, and with `wanted` (a driver's name, as in `target.driver`) if that is one of an engine's. */
export async function findDrivers(
  options: Omit<DriversOptions, "engine" | "runtimes"> & { wanted?: string },
  signal: AbortSignal,
): Promise<Driver[]> {
  const { wanted, ...rest } = options;
  const answer = await askEngine(rest.dockerSocket ?? DEFAULT_ENGINE_SOCKET, signal);
  const runtime = /^docker-(.+)$/.exec(wanted ?? "")?.[1];
  return drivers({
    ...rest,
    ...(answer.status === "answers" ? { engine: answer.facts } : {}),
    ...(runtime === undefined ? {} : { runtimes: [runtime] }),
  });
}
