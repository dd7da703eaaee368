import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { asStopped, messageOf, OperatorError, Stopped } from "../base/errors.ts";
import { newCycleId } from "../base/ids.ts";
import type { Config } from "../config/config.ts";
import type { E2bSettings } from "../config/e2b.ts";
import type { ModelRelay } from "../egress/messages.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { openLedger } from "../ledger/open.ts";
import { type IntendedFile, loadIntended, NOTHING_INTENDED } from "../probe/intended.ts";
import { findDrivers, withEnginesOf } from "../sandbox/all.ts";
import type { Certificate } from "../sandbox/certificate.ts";
import { removeEmptyParents } from "../sandbox/cgroup.ts";
import { prepareImage } from "../sandbox/image.ts";
import { runDirectoryOf } from "../sandbox/provision.ts";
import type { Driver } from "../sandbox/sandbox.ts";
import { sweep } from "../sandbox/sweep.ts";
import { compactJournal, openEntries, readJournal } from "../stop/journal.ts";
import { readLatch, setLatch } from "../stop/latch.ts";
import { startWatchdog } from "../stop/startWatchdog.ts";
import { watchLatch } from "../stop/watchLatch.ts";
import { openStore } from "../store/openStore.ts";
import type { Store } from "../store/store.ts";
import { runCycle } from "./cycle.ts";
import type { Ground } from "./ground.ts";
import { realParts } from "./parts.ts";
import { recover } from "./recover.ts";
import { spendLeaf } from "./spend.ts";
import { type Progress, stepper } from "./step.ts";
import { takeLock } from "./turn.ts";
import type { Written } from "./write.ts";

export type RunOptions = {
  config: Config;
  stateDir: string;
  reportsDir: string;
  version: string;
  model: ModelRelay | undefined;
  /** A secret of the environment by its name; without it there is none. */
  secretOf?: (name: string) => string | undefined;
  dockerSocket: string | undefined;
  /** Undefined unless the configuration asks for it. */
  e2b?: E2bSettings | undefined;
  clock: Clock;
  /** SIGTERM and its like. */
  signal: AbortSignal;
  progress: Progress;
};

export type RunOutcome =
  | { status: "complete"; written: Written; certificates: readonly Certificate[] }
  | { status: "stopped"; reason: string; certificates: readonly Certificate[]; stoppedMs: number }
  | { status: "failed"; error: unknown; certificates: readonly Certificate[] };

/**
 * One cycle with all that it stands on: the lock, the log, the store, what a crash left, the latch, the watchdog. However
 * it ends, nothing of it is left running. Throws OperatorError when it may not start, Stopped when told to while it
 * prepares.
 */
export async function runOnce(options: RunOptions): Promise<RunOutcome> {
  const { stateDir, clock } = options;
  refuseWhileLatched(stateDir);
  mkdirSync(join(stateDir, "run"), { recursive: true, mode: 0o700 });
  const intended = (await loadIntended(options.config.intended)) ?? NOTHING_INTENDED;
  using _turn = takeLock(stateDir);
  const ledger = openLedger(stateDir, { clock });
  const store = openStore(stateDir);
  try {
    const backends = await askBackends(options);
    const open = openEntries(readJournal(stateDir).entries);
    const drivers = await withEnginesOf(open, backends.ready, runDirectoryOf(stateDir), options.signal);
    await recover({ drivers, stateDir, clock, ledger });
    return await runOn({ ...options, intended }, backends, ledger, store);
  } finally {
    store.close();
    await ledger.close();
  }
}

function refuseWhileLatched(stateDir: string): void {
  const latch = readLatch(stateDir);
  if (latch.status === "clear") return;
  throw new OperatorError(
    `the kill switch is set: ${latch.why} (${latch.who}, ${latch.at})`,
    "a person undoes it: weakdoor rearm --reason TEXT",
  );
}

type Backends = { ready: Driver[]; missing: Ground["missing"] };

async function askBackends(options: RunOptions): Promise<Backends> {
  const { config, stateDir, dockerSocket, signal } = options;
  const all = await findDrivers(
    {
      runDirectory: runDirectoryOf(stateDir),
      ...(dockerSocket === undefined ? {} : { dockerSocket }),
      ...(config.docker.image === undefined ? {} : { dockerImage: config.docker.image }),
      wanted: config.target.driver,
      qemuKernel: config.qemu.kernel,
      e2b: options.e2b,
    },
    signal,
  );
  const checked = await Promise.all(all.map(async (driver) => ({ driver, ...(await driver.check(signal)) })));
  const ready = checked.filter(({ status }) => status === "ready").map(({ driver }) => driver);
  const missing = checked.flatMap((one) =>
    one.status === "missing" ? [{ kind: one.driver.kind, reason: one.reason }] : [],
  );
  if (ready.length > 0) return { ready, missing };
  throw new OperatorError(
    "no isolation is ready on this machine",
    "run: apt-get install -y bubblewrap runsc busybox-static",
  );
}

async function runOn(
  options: RunOptions & { intended: IntendedFile },
  { ready, missing }: Backends,
  ledger: Ledger,
  store: Store,
): Promise<RunOutcome> {
  const { config, stateDir, clock } = options;
  const cycle = newCycleId(clock);
  const startedAt = clock.now();
  const runDir = join(stateDir, "run", cycle);
  mkdirSync(runDir, { mode: 0o700 });
  const certificates: Certificate[] = [];
  const stop = stopping(options);
  const record = (outcome: string | null, summary: Record<string, unknown>, reportPath: string | null) =>
    store.saveCycle({
      id: cycle,
      stack: config.stack.name,
      startedAt: startedAt.toISOString(),
      endedAt: outcome === null ? null : clock.now().toISOString(),
      outcome,
      summary,
      reportPath,
    });
  const leaf = (kind: string, payload: Record<string, unknown>) =>
    ledger.append({ kind, actor: { kind: "cycle", name: "cycle" }, cycle, payload });
  const onCertificate = (certificate: Certificate): void => {
    certificates.push(certificate);
    leaf("sandbox.ended", { sandbox: certificate.sandbox, status: certificate.status, looks: certificate.looks });
  };
  const spend = spendLeaf({ cycle, runDir, ledger });
  await using watchdog = await startWatchdog({ stateDir, cycle });
  void watchdog.died.then((reason) => stop.now(new Stopped(`the watchdog ended: ${reason}`)));
  try {
    record(null, {}, null);
    leaf("cycle.started", { stack: config.stack.name, config: config.sha256, version: options.version });
    const image = await prepareImage(join(stateDir, "cache"));
    const began = (step: string): void => {
      watchdog.step(step);
      options.progress.began(step);
    };
    const steps = stepper({ cycle, ledger, clock, signal: stop.signal, progress: { ...options.progress, began } });
    const ground: Ground = {
      config,
      intended: options.intended,
      cycle,
      startedAt,
      stateDir,
      runDir,
      clock,
      ledger,
      store,
      watchdog,
      image,
      certificates,
      version: options.version,
      reportsDir: options.reportsDir,
      model: options.model,
      secretOf: options.secretOf ?? (() => undefined),
      signal: stop.signal,
      breakOff: stop.breakOff,
      drivers: ready,
      missing,
      stepper: steps,
      spend,
      onCertificate,
      onAlarm: (alarm) => void leaf("alarm.raised", { ...alarm }),
    };
    const written = await runCycle(realParts(ground), steps.step);
    leaf("cycle.ended", {
      findings: written.report.findings.length,
      directory: written.directory,
      reportSha256: written.sha256,
    });
    record("complete", summaryOf(written), join(written.directory, "report.json"));
    await ledger.checkpoint();
    return { status: "complete", written, certificates };
  } catch (thrown) {
    // What was being made as it ended may have come after its certificate.
    const late = await sweep({ drivers: ready, stateDir, clock, scope: "cycle", cycle });
    for (const certificate of late.certificates) onCertificate(certificate);
    const error = stop.broken() ?? thrown;
    const isStopped = stop.broken() === undefined && (stop.signal.aborted || thrown instanceof Stopped);
    const stopped = isStopped ? asStopped(stop.signal.aborted ? stop.signal.reason : thrown) : undefined;
    const reason = (stopped?.reason ?? messageOf(error)).slice(0, 500);
    record(isStopped ? "stopped" : "failed", { reason }, null);
    spend.close();
    leaf(isStopped ? "cycle.stopped" : "cycle.failed", { reason });
    await ledger.checkpoint();
    if (isStopped) return { status: "stopped", reason, certificates, stoppedMs: stop.sinceMs() };
    return { status: "failed", error, certificates };
  } finally {
    stop[Symbol.dispose]();
    await rm(runDir, { recursive: true, force: true });
    compactJournal(stateDir);
    removeEmptyParents();
  }
}

/**
 * The ways to stop, as one signal. A signal from the terminal sets the latch as well: a stop is a stop, whoever asks for
 * it, and only a person undoes it.
 */
function stopping({ stateDir, clock, signal, progress }: RunOptions) {
  const controller = new AbortController();
  let atMs = 0;
  const now = (reason: unknown) => {
    if (controller.signal.aborted) return;
    atMs = clock.monotonicMs();
    controller.abort(reason);
  };
  const onSignal = () => {
    now(signal.reason);
    try {
      setLatch(stateDir, { who: userInfo().username, why: messageOf(signal.reason) }, clock);
    } catch (thrown) {
      if (!(thrown instanceof OperatorError)) throw thrown;
      // It stops all the same; only that it stays stopped could not be written down.
      progress.failed("latch", thrown.message);
    }
  };
  if (signal.aborted) onSignal();
  else signal.addEventListener("abort", onSignal, { once: true });
  let broken: Error | undefined;
  const breakOff = (error: Error) => {
    // The kill switch ends the gateway first of all: whoever hears of that before the latch was still stopped by it.
    const state = readLatch(stateDir);
    if (state.status === "set") return now(new Stopped(`${state.why} (${state.who})`));
    if (!controller.signal.aborted) broken = error;
    return now(error);
  };
  const latch = watchLatch(stateDir, (state) => now(new Stopped(`${state.why} (${state.who})`)));
  return {
    signal: controller.signal,
    now,
    breakOff,
    broken: () => broken,
    sinceMs: () => clock.monotonicMs() - atMs,
    [Symbol.dispose]() {
      signal.removeEventListener("abort", onSignal);
      latch[Symbol.dispose]();
    },
  };
}

function summaryOf({ report }: Written): Record<string, unknown> {
  const { findings, delta, drills, certificates } = report;
  return {
    findings: findings.length,
    new: delta.new.length,
    regressed: delta.regressed.length,
    resolved: delta.resolved.length,
    drillsRang: drills.filter(({ status }) => status === "rang").length,
    destroyed: certificates.filter(({ status }) => status === "destroyed").length,
  };
}
