import type { Config } from "../config/config.ts";
import { e2bSettings } from "../config/e2b.ts";
import { dockerSocketOf, readEnvironment } from "../config/env.ts";
import { findDrivers, withEnginesOf } from "../sandbox/all.ts";
import { runDirectoryOf } from "../sandbox/provision.ts";
import type { Availability, Driver } from "../sandbox/sandbox.ts";
import { openEntries, readJournal } from "../stop/journal.ts";

/** Every driver, and whether its backend answers. */
export async function backends(
  stateDir: string,
  signal: AbortSignal,
  config?: Config,
): Promise<{ driver: Driver; availability: Availability }[]> {
  const environment = readEnvironment();
  const dockerSocket = config?.docker.socket ?? dockerSocketOf(environment);
  const all = await findDrivers(
    {
      runDirectory: runDirectoryOf(stateDir),
      ...(dockerSocket === undefined ? {} : { dockerSocket }),
      ...(config === undefined
        ? {}
        : {
            wanted: config.target.driver,
            qemuKernel: config.qemu.kernel,
            e2b: e2bSettings(config, environment),
          }),
    },
    signal,
  );
  return Promise.all(all.map(async (driver) => ({ driver, availability: await driver.check(signal) })));
}

/** Those that answer, and the engines among them at which something of the journal stands, whoever else is asked today. */
export async function readyBackends(stateDir: string, signal: AbortSignal, config?: Config): Promise<Driver[]> {
  const all = await backends(stateDir, signal, config);
  const ready = all.filter(({ availability }) => availability.status === "ready").map(({ driver }) => driver);
  return withEnginesOf(openEntries(readJournal(stateDir).entries), ready, runDirectoryOf(stateDir), signal);
}
