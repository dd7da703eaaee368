import type { Clock } from "../base/clock.ts";
import { asStopped, OperatorError, Stopped, throwIfStopped } from "../base/errors.ts";
import { appendEntry, openEntries, readJournal } from "../stop/journal.ts";
import { readLatch } from "../stop/latch.ts";
import { netnsOf } from "../stop/netns.ts";
import { killProcess } from "../stop/processes.ts";
import type { ProcessId } from "../stop/stop.ts";
import { type Certificate, doubtsOf } from "./certificate.ts";
import { type Egress, endOf, type Made } from "./endOf.ts";
import { lifeAtBirth } from "./life.ts";
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
    /** Adds a row to the certificate: of something that hangs on the sandbox without being in it, and must have ended with it. */
    alsoLook(look: () => Look): void;
    /** A process of ours that was started for it, in its own network namespace or ours: it is in the journal from now on, ends with the sandbox, and is looked for. */
    adopt(helper: ProcessId): void;
  };

export type ProvisionOptions = {
  stateDir: string;
  clock: Clock;
  signal: AbortSignal;
  /** What it will be joined to: the switch cuts that before it kills. */
  egress?: Egress;
  /** Without one that lives and answers, nothing is made. */
  watchdog: { isAlive(): boolean | Promise<boolean> };
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
/** How long a driver may take to come back from a create that was aborted. */
const ABORT_GRACE_MS = 3_000;

/**
 * Throws Stopped when the kill switch has spoken, OperatorError when the watchdog or the backend is missing; what the create
 * had left behind is then gone, or Unverified is thrown with that error as its cause.
 */
export async function provision(driver: Driver, spec: SandboxSpec, options: ProvisionOptions): Promise<Provisioned> {
  const { stateDir, clock, signal } = options;
  await refuseIfStopped(options);
  const { name, cycle } = spec;
  // Whatever a failed create left is ended by name: that must not be another one's.
  if (openEntries(readJournal(stateDir).entries).some((entry) => entry.name === name))
    throw new OperatorError(`there may be a sandbox ${name} already`, "weakdoor sweep");
  const timeoutMs = options.createTimeoutMs ?? driver.createTimeoutMs ?? CREATE_TIMEOUT_MS;
  const now = clock.now();
  const hints = driver.hints?.(name) ?? {};
  const deadline = new Date(now.getTime() + timeoutMs).toISOString();
  appendEntry(stateDir, { kind: "intent", cycle, name, driver: driver.kind, hints, at: now.toISOString(), deadline });
  const made: Made = { sandbox: undefined, life: undefined, bornAt: null, looks: [] };
  try {
    made.sandbox = await createWithin(driver, spec, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
    made.life = recordBirth(stateDir, spec, made.sandbox, clock);
    await refuseIfStopped(options);
    return held(driver, spec, { ...made, sandbox: made.sandbox, bornAt: clock.now().toISOString() }, options);
  } catch (thrown) {
    const certificate = await endOf(driver, spec, made, options);
    const cause = signal.aborted ? asStopped(signal.reason) : thrown;
    throw certificate.status === "destroyed" ? cause : new Unverified(certificate, { cause });
  }
}

/** Asked again after the create: the switch may have spoken meanwhile, and the watchdog have looked before there was something to see. */
async function refuseIfStopped({ stateDir, signal, watchdog }: ProvisionOptions): Promise<void> {
  const isWatched = await watchdog.isAlive();
  throwIfStopped(signal);
  const latch = readLatch(stateDir);
  if (latch.status === "set") throw new Stopped(`${latch.why} (${latch.who})`);
  if (!isWatched)
    throw new OperatorError(
      "no watchdog answers, so no sandbox is made",
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

function recordBirth(
  stateDir: string,
  { name, cycle }: SandboxSpec,
  sandbox: Sandbox,
  clock: Clock,
): NonNullable<Made["life"]> {
  const { processes, hints } = lifeAtBirth(sandbox);
  const at = clock.now().toISOString();
  appendEntry(stateDir, { kind: "born", cycle, name, driver: sandbox.driver, processes, hints, at });
  return { processes, netns: hints.netns ?? [] };
}

function withHelper(
  { stateDir, clock }: ProvisionOptions,
  { name, cycle }: SandboxSpec,
  { driver, hints = {} }: Sandbox,
  { life, helper }: { life: Made["life"]; helper: ProcessId },
): NonNullable<Made["life"]> {
  const processes = [...(life?.processes ?? []), helper];
  const netns = [...new Set([...(life?.netns ?? []), ...[netnsOf(helper.pid) ?? []].flat()])];
  const at = clock.now().toISOString();
  appendEntry(stateDir, { kind: "born", cycle, name, driver, processes, hints: { ...hints, netns }, at });
  return { processes, netns };
}

function held(
  driver: Driver,
  spec: SandboxSpec,
  made: Made & { sandbox: Sandbox },
  options: ProvisionOptions,
): Provisioned {
  const { sandbox } = made;
  let ending: Promise<Certificate> | undefined;
  let isTold = false;
  const begin = (): Promise<Certificate> => (ending ??= endOf(driver, spec, made, options).finally(letGo));
  // The switch ends all sandboxes at once, not one after the other as their scopes unwind. Whoever unwinds sees what came of it.
  const onAbort = () => void begin().catch(() => undefined);
  options.signal.addEventListener("abort", onAbort, { once: true });
  // The signal outlives the sandbox, and would keep it and all that came of it in memory.
  const letGo = () => options.signal.removeEventListener("abort", onAbort);
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
    alsoLook: (look) => void made.looks.push(look),
    adopt(helper) {
      if (ending !== undefined) return void killProcess(helper);
      made.life = withHelper(options, spec, sandbox, { life: made.life, helper });
    },
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

export { runDirectoryOf } from "./endOf.ts";
