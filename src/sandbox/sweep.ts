import { type Clock, sleep } from "../base/clock.ts";
import { errnoOf, messageOf, OperatorError } from "../base/errors.ts";
import { count } from "../base/text.ts";
import { HEARTBEAT_INTERVAL_MS, lastBeat } from "../stop/heartbeat.ts";
import { appendEntry, type OpenEntry, openEntries, readJournal } from "../stop/journal.ts";
import { isAlive, killProcess } from "../stop/processes.ts";
import { killRegistered } from "../stop/registered.ts";
import { liveCycles } from "../stop/startWatchdog.ts";
import { type Certificate, certify } from "./certificate.ts";
import { runDirectoryOf } from "./endOf.ts";
import { type Life, lifeNow } from "./life.ts";
import { processesOf } from "./looks.ts";
import { cycleOf, isCycleId, roleOf } from "./name.ts";
import type { Driver } from "./sandbox.ts";

/**
 * After a crash: what the journal says may exist, and what the backends say does, is destroyed and certified, unless a
 * living cycle has it, of this state directory or another one's.
 */

export type SweepOptions = {
  /** Every backend that is ready. What is journalled for another one is not swept, and the report says so. */
  drivers: readonly Driver[];
  stateDir: string;
  clock: Clock;
  /**
   * `journal`: only what this state directory made · `killed`: the same, its cycle living or not, since the latch is set ·
   * `cycle`: what bears the name of the caller's cycle · `start`: what this state directory made, and husks, which bear a dead
   * cycle's name and hold no process, whoever made them · `all`: whatever bears our label.
   */
  scope: "journal" | "killed" | "cycle" | "start" | "all";
  /** The caller's own cycle: alive, and to be swept all the same. */
  cycle?: string;
};

export type NotSwept = { what: string; reason: string };

export type SweepReport = {
  certificates: Certificate[];
  /** Left alone: a living cycle has them. */
  kept: string[];
  /** Never empty when something may have been missed. */
  notSwept: NotSwept[];
};

/** One that is still listed after so many keeps its `unverified` certificate. */
const ATTEMPTS_MAX = 2;
const ROUND_MS = 100;

/**
 * Destroys until two listings in a row show nothing more, after the last create in flight has ended or its deadline passed.
 * One that will not go gets an `unverified` certificate.
 */
export async function sweep(options: SweepOptions): Promise<SweepReport> {
  const { drivers, stateDir, scope } = options;
  const { entries, unreadableLines } = readJournal(stateDir);
  const journalled = new Map(openEntries(entries).map((entry) => [entry.name, entry]));
  const isIn = (name: string): boolean => {
    if (scope === "cycle") return cycleOf(name) === options.cycle;
    return scope === "all" || journalled.has(name) || (scope === "start" && isHusk(name));
  };
  for (const entry of entries)
    if (entry.kind === "gateway" && ownership(options).isMine(entry.cycle)) killProcess(entry.process);
  // Of those whose backend cannot be asked, what the journal knows can be killed.
  const homeless = homelessIn(journalled.values(), drivers).filter(({ name }) => isIn(name));
  for (const entry of homeless) if (ownership(options).isMine(entry.cycle)) killRegistered(entry);

  const waiting = fromJournal(journalled.values(), drivers).filter(({ name }) => isIn(name));
  const kept = new Set<string>();
  const certificates = new Map<string, Certificate>();
  const attempts = new Map<string, number>();
  let silent: NotSwept[] = [];
  for (let emptyListings = 0; emptyListings < 2; ) {
    const { isMine, isLive } = ownership(options);
    const listed = await listAll(drivers);
    silent = listed.notSwept;
    const settled = waiting.filter(({ entry }) => !isInFlight(entry, isLive(entry.cycle)));
    for (const one of settled) waiting.splice(waiting.indexOf(one), 1);
    const known = new Map([...listed.found, ...settled].map((one) => [one.name, one]));
    const found = [...known.values()].filter(({ name }) => isIn(name));
    for (const { name } of found) if (!isMine(cycleOf(name))) kept.add(name);
    const doomed = found.filter(({ name }) => isMine(cycleOf(name)) && (attempts.get(name) ?? 0) < ATTEMPTS_MAX);
    const isEmpty = doomed.length === 0 && !waiting.some(({ entry }) => isMine(entry.cycle));
    emptyListings = isEmpty ? emptyListings + 1 : 0;
    for (const { name } of doomed) attempts.set(name, (attempts.get(name) ?? 0) + 1);
    const ends = doomed.map((one) => destroyOne({ ...one, entry: journalled.get(one.name) }, options));
    for (const one of await Promise.all(ends)) certificates.set(one.sandbox, one);
    if (emptyListings < 2) await sleep(ROUND_MS);
  }
  const ended = [...certificates.values()].filter(({ sandbox }) => journalled.has(sandbox));
  const unwritten = writeDown(ended, options);
  const reason = `${count(unreadableLines, "line")} that cannot be read`;
  const torn = unreadableLines === 0 ? [] : [{ what: "the journal", reason }];
  return {
    certificates: [...certificates.values()],
    kept: [...kept],
    notSwept: [...torn, ...unwritten, ...homeless.map(missingBackend), ...silent],
  };
}

/** Whose cycles live at this moment, and which of them are the caller's to end all the same. */
function ownership({ scope, cycle: own }: SweepOptions) {
  const alive = liveCycles();
  const isLive = (cycle: string): boolean => alive.has(cycle);
  return { isLive, isMine: (cycle: string) => scope === "killed" || cycle === own || !isLive(cycle) };
}

/** May it still appear? An owner that lives may be about to make it, and an engine goes on with what a dead one asked for. */
function isInFlight({ isBorn, deadline, hints }: OpenEntry, isOwnerLive: boolean): boolean {
  if (isBorn || Date.parse(deadline) <= Date.now()) return false;
  return isOwnerLive || hints.engineSocket !== undefined || hints.leaseEndsWithinMs !== undefined;
}

/** A disk that is full or read-only does not undo what was swept, but the next start will look for it again. */
function writeDown(ended: readonly Certificate[], { stateDir, clock }: SweepOptions): NotSwept[] {
  try {
    for (const { sandbox: name, status: certificate } of ended)
      appendEntry(stateDir, { kind: "dead", cycle: cycleOf(name), name, certificate, at: clock.now().toISOString() });
    return [];
  } catch (thrown) {
    if (errnoOf(thrown) === undefined) throw thrown;
    return [{ what: "the journal", reason: messageOf(thrown) }];
  }
}

/** What stands open in the journal, and whose backend is not there to be asked. */
export function missingBackend({ name, driver }: OpenEntry): NotSwept {
  return { what: name, reason: `its backend, ${driver}, is not there` };
}

/**
 * What bears a cycle's name while that cycle does not live; a run does not start over these. A sandbox that is booted
 * for a moment to see whether it boots has no cycle and is somebody's who still looks at it.
 */
export async function unknownOnes(drivers: readonly Driver[]): Promise<{ names: string[]; notLooked: NotSwept[] }> {
  const { found, notSwept } = await listAll(drivers);
  const alive = liveCycles();
  const names = found.map((one) => one.name).filter((name) => isCycleId(cycleOf(name)) && !alive.has(cycleOf(name)));
  return { names: [...new Set(names)], notLooked: notSwept };
}

/** Throws OperatorError when there are such, or when a backend that is ready cannot be asked. */
export async function refuseUnknownOnes(drivers: readonly Driver[]): Promise<void> {
  const { names, notLooked } = await unknownOnes(drivers);
  const [silent] = notLooked;
  if (silent !== undefined)
    throw new OperatorError(
      `${silent.what} cannot list its sandboxes: ${silent.reason}`,
      "put it right or leave it out",
    );
  if (names.length === 0) return;
  throw new OperatorError(
    `${count(names.length, "sandbox", "sandboxes")} of no living cycle: ${names.slice(0, 5).join(", ")}`,
    "weakdoor sweep",
  );
}

/** An empty control group or a record, of a cycle whose owner and watchdog were killed in one blow: nothing lives in it. */
function isHusk(name: string): boolean {
  return isCycleId(cycleOf(name)) && processesOf(name).length === 0;
}

type Found = { name: string; driver: Driver };

async function listAll(drivers: readonly Driver[]): Promise<{ found: Found[]; notSwept: NotSwept[] }> {
  const found: Found[] = [];
  const notSwept: NotSwept[] = [];
  for (const driver of drivers) {
    try {
      for (const name of await driver.list()) if (name.startsWith("wd-")) found.push({ name, driver });
    } catch (thrown) {
      notSwept.push({ what: driver.kind, reason: messageOf(thrown) });
    }
  }
  return { found, notSwept };
}

type Journalled = Found & { entry: OpenEntry };

function fromJournal(open: Iterable<OpenEntry>, drivers: readonly Driver[]): Journalled[] {
  return [...open].flatMap((entry) => {
    const driver = backendOf(entry, drivers);
    return driver === undefined ? [] : [{ name: entry.name, driver, entry }];
  });
}

/** Those of the journal whose backend is not among these. */
export function homelessIn(open: Iterable<OpenEntry>, drivers: readonly Driver[]): OpenEntry[] {
  return [...open].filter((entry) => backendOf(entry, drivers) === undefined);
}

/** An engine at another socket is another backend, and what it says of a name proves nothing for this one. */
function backendOf({ name, driver, hints }: OpenEntry, drivers: readonly Driver[]): Driver | undefined {
  const stands = hints.engineSocket;
  const isAt = (socket: string | undefined) => socket === undefined || stands === undefined || socket === stands;
  return drivers.find((one) => one.kind === driver && isAt(one.hints?.(name).engineSocket));
}

async function destroyOne(
  { name, driver, entry }: Found & { entry: OpenEntry | undefined },
  { stateDir, clock }: SweepOptions,
): Promise<Certificate> {
  const life = lifeLeft(name, entry, stateDir, clock.now());
  if (entry !== undefined) killRegistered(entry);
  const failure = await driver.destroy(name).then(() => undefined, messageOf);
  const certificate = await certify(driver, name, {
    role: roleOf(name),
    bornAt: null,
    runDirectory: runDirectoryOf(stateDir),
    clock,
    life,
  });
  if (failure !== undefined && certificate.status !== "destroyed")
    certificate.looks.push({ what: "destroy", status: "left", evidence: failure });
  return certificate;
}

/** It was ended before, or it has outlived its owner by little, and the owner his last heartbeat by one. */
function lifeLeft(name: string, entry: OpenEntry | undefined, stateDir: string, now: Date): Life {
  if (entry === undefined) return lifeNow(name, {}, now);
  const beat = lastBeat(stateDir);
  const isOver = beat !== undefined && !entry.processes.some(isAlive);
  const outlived = isOver ? new Date(beat.getTime() + HEARTBEAT_INTERVAL_MS) : now;
  const aliveUntil = entry.aliveUntil === undefined ? outlived : new Date(entry.aliveUntil);
  return lifeNow(name, { processes: entry.processes, netns: entry.hints.netns ?? [], aliveUntil }, now);
}
