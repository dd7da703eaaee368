import { openSync } from "node:fs";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf, Stopped } from "../../src/base/errors.ts";
import { drivers } from "../../src/sandbox/all.ts";
import { scratchSpec } from "../../src/sandbox/contract/fixture.ts";
import { prepareImage } from "../../src/sandbox/image.ts";
import { provision, runDirectoryOf } from "../../src/sandbox/provision.ts";
import { scratchBroker } from "../../src/sandbox/scratchBroker.ts";
import { startWatchdog } from "../../src/stop/startWatchdog.ts";
import { latchSignal } from "../../src/stop/watchLatch.ts";

/**
 * A cycle reduced to a watchdog and one real sandbox, as a process of its own, to be mistreated. Says `ready` and the name
 * of the sandbox; then takes one word on its standard input: `block` blocks its event loop for ever, `descriptors` uses up
 * all that it may open, and what becomes free later as well, `end` ends the sandbox. When the latch is set, or it is told to end, it says what the certificate says.
 */
const { stateDir, cache, cycle, kind, staleMs } = JSON.parse(process.argv[2] ?? "") as {
  stateDir: string;
  cache: string;
  cycle: string;
  kind: string;
  staleMs: number;
};
const driver = drivers({ runDirectory: runDirectoryOf(stateDir) }).find((one) => one.kind === kind);
if (driver === undefined) throw new Error(`no driver ${kind}`);
const image = await prepareImage(cache);
const watchdog = await startWatchdog({ stateDir, cycle, staleMs, heartbeatMs: 100 });
const latch = latchSignal(stateDir);
const lost = new AbortController();
void watchdog.died.then((reason) => lost.abort(new Stopped(reason)));
const signal = AbortSignal.any([latch.signal, lost.signal]);
const spec = scratchSpec({ image, cycle, signal });
const sandbox = await provision(driver, spec, {
  stateDir,
  clock: systemClock,
  signal,
  watchdog,
  onCertificate({ status, looks }) {
    const unseen = looks.filter((look) => look.status === "not-looked").length;
    process.stdout.write(`${status}, ${unseen} looks not made\n`);
  },
});
await scratchBroker(sandbox.channel).hello;
process.stdout.write(`ready ${sandbox.name}\n`);
process.on("uncaughtException", (error) => process.stderr.write(`${messageOf(error)}\n`));
for await (const word of process.stdin) {
  const said = String(word).trim();
  if (said === "block") for (;;);
  if (said === "descriptors") {
    process.stdout.write(`${useUp()}\n`);
    setInterval(useUp, 1).unref();
  }
  if (said === "end") break;
}
function useUp(): string {
  try {
    for (;;) openSync("/dev/null", "r");
  } catch (thrown) {
    return messageOf(thrown).slice(0, 6);
  }
}

await sandbox.end();
await watchdog.done();
latch[Symbol.dispose]();
