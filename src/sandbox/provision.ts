import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { asStopped, messageOf, OperatorError, Stopped, throwIfStopped } from "../base/errors.ts";
import { appendEntry, openEntries, readJournal } from "../stop/journal.ts";
import { readLatch } from "../stop/latch.ts";
import { processId } from "../stop/processes.ts";
import { type Certificate, certify, doubtsOf } from "./certificate.ts";
import type { Driver, Look, Sandbox, SandboxSpec } from "./sandbox.ts";

/**
 * The one place where a sandbox is made. Nothing is made while the latch is set or no watchdog watches; what is going to be
 * made is in the journal first; and whatever became of it, also of a create that failed, is destroyed and certified.
 */

/** A sandbox with its end. Leaving its scope ends it, and throws Unverified unless `end` was called and told the caller. */
export type Provisioned = Sandbox &
  AsyncDisposable & {
    /** Kills it, looks for what is left, and says so. Idempotent: one certificate a sandbox. */
    end(): Promise<Certificate>;
  };

export type ProvisionOptions = {
  stateDir: string;
  clock: Clock;
  signal: AbortSignal;
  /** Without one that lives, nothing is made. */
  watchdog: { isAlive(): boolean };
  /** Told of each certificate, also that of a create which failed. */
  onCertificate(certificate: Certificate): void;
  createTimeoutMs?: number;
};

/** A sandbox could not be shown to be destroyed. Never a quiet end. */
export class Unverified extends Error {
  readonly certificate: Certificate;

  constructor(certificate: Certificate, options?: ErrorOptions) {
    super(`${certificate.sandbox} could not be shown to be destroyed: ${doubtsOf(certificate)}`, options);
    this.name = "Unverified";
    this.certificate = certificate;
  }
}

const CREATE_TIMEOUT_MS = 20_000;
/** A kill that has not come back by then is left to `destroy`, which knows other routes. */
const KILL_DEADLINE_MS = 3_000;
/** How long a driver may take to come back from a create that was aborted. */
const ABORT_GRACE_MS = 3_000;

/**
 * Throws Stopped when the kill switch has spoken, OperatorError when the watchdog or the backend is missing; what the create
 * had left behind is then gone, or Unverified is thrown with that error as its cause.
 */
export async function provision(driver: Driver, spec: SandboxSpec, options: ProvisionOptions): Promise<Provisioned> {
  const { stateDir, clock, signal } = options;
  refuseIfStopped(options);
  const { name, cycle } = spec;
  // Whatever a failed create left is ended by name: that must not be another one's.
  if (openEntries(readJournal(stateDir).entries).some((entry) => entry.name === name))
    throw new OperatorError(`there may be a sandbox ${name} already`, "weakdoor sweep");
  const timeoutMs = options.createTimeoutMs ?? CREATE_TIMEOUT_MS;
  const now = clock.now();
  const hints = driver.hints?.(name) ?? {};
  const deadline = new Date(now.getTime() + timeoutMs).toISOString();
  appendEntry(stateDir, { kind: "intent", cycle, name, driver: driver.kind, hints, at: now.toISOString(), deadline });
  let sandbox: Sandbox | undefined;
  try {
    sandbox = await createWithin(driver, spec, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
    recordBirth(stateDir, spec, sandbox, clock);
    refuseIfStopped(options);
    return held(driver, spec, sandbox, options);
  } catch (thrown) {
    const certificate = await endOf(driver, spec, sandbox, options, null);
    const cause = signal.aborted ? asStopped(signal.reason) : thrown;
    throw certificate.status === "destroyed" ? cause : new Unverified(certificate, { cause });
  }
}

/** Where drivers keep what belongs to one sandbox while it lives. */
export function runDirectoryOf(stateDir: string): string {
  return join(stateDir, "run");
}

/** Asked again after the create: the switch may have spoken meanwhile, and the watchdog have looked before there was something to see. */
function refuseIfStopped({ stateDir, signal, watchdog }: ProvisionOptions): void {
  throwIfStopped(signal);
  const latch = readLatch(stateDir);
  if (latch.status === "set") throw new Stopped(`${latch.why} (${latch.who})`);
  if (!watchdog.isAlive())
    throw new OperatorError(
      "no watchdog is running, so no sandbox is made",
      "start the cycle again; see run/watchdog.log in the state directory",
    );
}

/** A driver that does not come back when told to is not waited for; what it makes after all is killed as it comes. */
async function createWithin(driver: Driver, spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
  const created = driver.create(spec, signal);
  const tooLate = Promise.withResolvers<"too late">();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => tooLate.resolve("too late"), ABORT_GRACE_MS);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const outcome = await Promise.race([created, tooLate.promise]);
    if (outcome !== "too late") return outcome;
    void created.then((late) => late.kill()).catch(() => undefined);
    throw signal.reason;
  } catch (thrown) {
    if (!(thrown instanceof DOMException && thrown.name === "TimeoutError")) throw thrown;
    const hint = "see whether the backend hangs; try another one with --driver";
    throw new OperatorError(`${driver.kind} did not start ${spec.name} in time`, hint, { cause: thrown });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

function recordBirth(stateDir: string, spec: SandboxSpec, sandbox: Sandbox, clock: Clock): void {
  const { name, cycle } = spec;
  const hints = sandbox.hints ?? {};
  const id = processId(sandbox.pid);
  const processes = id === undefined ? [] : [id];
  const at = clock.now().toISOString();
  appendEntry(stateDir, { kind: "born", cycle, name, driver: sandbox.driver, processes, hints, at });
}

function held(driver: Driver, spec: SandboxSpec, sandbox: Sandbox, options: ProvisionOptions): Provisioned {
  const bornAt = options.clock.now().toISOString();
  let ending: Promise<Certificate> | undefined;
  let isTold = false;
  const begin = (): Promise<Certificate> => (ending ??= endOf(driver, spec, sandbox, options, bornAt));
  // The switch ends all sandboxes at once, not one after the other as their scopes unwind. Whoever unwinds sees what came of it.
  options.signal.addEventListener("abort", () => void begin().catch(() => undefined), { once: true });
  return {
    name: sandbox.name,
    role: sandbox.role,
    driver: sandbox.driver,
    isolation: sandbox.isolation,
    pid: sandbox.pid,
    channel: sandbox.channel,
    exited: sandbox.exited,
    hints: sandbox.hints ?? {},
    stderrTail: () => sandbox.stderrTail(),
    kill: () => sandbox.kill(),
    end() {
      isTold = true;
      return begin();
    },
    async [Symbol.asyncDispose]() {
      const certificate = await begin();
      if (certificate.status !== "destroyed" && !isTold) throw new Unverified(certificate);
    },
  };
}

async function endOf(
  driver: Driver,
  { name, cycle, role }: SandboxSpec,
  sandbox: Sandbox | undefined,
  options: ProvisionOptions,
  bornAt: string | null,
): Promise<Certificate> {
  const { stateDir, clock } = options;
  const look = () => certify(driver, name, { role, bornAt, runDirectory: runDirectoryOf(stateDir), clock });
  const failures = await attempt("kill", () => sandbox?.kill() ?? driver.destroy(name));
  let certificate = await look();
  const isSilent = certificate.looks.some((one) => one.status === "not-looked");
  if (certificate.status !== "destroyed" && !isSilent) {
    // Its own way of ending did not do: by name, through every route that the driver has. Not through a backend that
    // does not answer: that would be the same seconds again.
    failures.push(...(await attempt("destroy", () => driver.destroy(name))));
    certificate = await look();
  }
  if (certificate.status !== "destroyed") certificate.looks.push(...failures);
  options.onCertificate(certificate);
  appendEntry(stateDir, {
    kind: "dead",
    cycle,
    name,
    certificate: certificate.status,
    at: clock.now().toISOString(),
  });
  return certificate;
}

/** A kill that failed or hangs is no verdict: the looks are. It is kept to be shown beside them when they find something. */
async function attempt(what: string, end: () => Promise<void>): Promise<Look[]> {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve(`had not ended after ${KILL_DEADLINE_MS} ms`), KILL_DEADLINE_MS);
  const outcome = await Promise.race([end().then(() => "", messageOf), late.promise]);
  clearTimeout(timer);
  return outcome === "" ? [] : [{ what, status: "left", evidence: outcome }];
}
