import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { startGateway } from "../../../src/egress/gateway.ts";
import { drivers } from "../../../src/sandbox/all.ts";
import { scratchSpec } from "../../../src/sandbox/contract/fixture.ts";
import type { Image } from "../../../src/sandbox/image.ts";
import { provision, runDirectoryOf } from "../../../src/sandbox/provision.ts";
import type { DriverKind } from "../../../src/sandbox/sandbox.ts";
import { startWatchdog } from "../../../src/stop/startWatchdog.ts";

/**
 * A cycle reduced to what must not outlive it, as a process of its own to be killed: a watchdog, a gateway, and sandboxes
 * that are joined to it. Prints the pids of all of them on one line, then waits for its end.
 */
export type Owned = { stateDir: string; cycle: string; kind: DriverKind; image: Image; dockerSocket: string | null };

const SANDBOXES = 3;

const { stateDir, cycle, kind, image, dockerSocket } = JSON.parse(process.argv[2] ?? "") as Owned;
const runDirectory = runDirectoryOf(stateDir);
const found = drivers({ runDirectory, ...(dockerSocket === null ? {} : { dockerSocket }) });
const driver = found.find((one) => one.kind === kind);
if (driver === undefined) throw new Error(`no driver ${kind}`);
const { signal } = new AbortController();
const watchdog = await startWatchdog({ stateDir, cycle });
const gateway = await startGateway({
  cycle,
  runDirectory: join(stateDir, "gateway"),
  stateDir,
  allowlists: [],
  canaryHosts: [],
  onRequest: () => Promise.resolve({ status: 200, body: {} }),
  onAlarm: () => undefined,
  signal,
});
const pids = [watchdog.process.pid, gateway.pid];
for (let i = 0; i < SANDBOXES; i++) {
  const sandbox = await provision(driver, scratchSpec({ image, cycle, signal }), {
    stateDir,
    clock: systemClock,
    signal,
    watchdog,
    onCertificate: () => undefined,
  });
  const guest = await gateway.attach({ name: sandbox.name, role: "lab", channel: sandbox.channel });
  await guest.hello;
  pids.push(sandbox.pid);
}
process.stdout.write(`${JSON.stringify(pids)}\n`);
setInterval(() => undefined, 60_000);
