import { type Clock, sleep } from "../base/clock.ts";
import { messageOf, OperatorError } from "../base/errors.ts";
import { count } from "../base/text.ts";
import { appendEntry, openEntries, readJournal } from "../stop/journal.ts";
import { killProcess } from "../stop/processes.ts";
import { liveCycles } from "../stop/startWatchdog.ts";
import { type Certificate, certify } from "./certificate.ts";
import { processesOf } from "./looks.ts";
import { runDirectoryOf } from "./provision.ts";
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
   * `journal`: only what this state directory made · `start`: that, and husks, which bear a dead cycle's name and hold
   * no process, whoever made them · `all`: whatever bears our label.
   */
  scope: "journal" | "start" | "all";
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

/** Destroys until two listings in a row show nothing more. One that will not go gets an `unverified` certificate. */
export async function sweep(options: SweepOptions): Promise<SweepReport> {
  const { drivers, stateDir, clock, scope } = options;
  const { entries, unreadableLines } = readJournal(stateDir);
  const journalled = new Map(openEntries(entries).map((entry) => [entry.name, entry]));
  const mine = (name: string): boolean => cycleOf(name) === options.cycle || !liveCycles().has(cycleOf(name));
  for (const entry of entries)
    if (entry.kind === "gateway" && mine(`wd-${entry.cycle}-x-1`)) killProcess(entry.process);

  const named = fromJournal([...journalled.values()], drivers);
  const kept = new Set<string>();
  const certificates = new Map<string, Certificate>();
  const attempts = new Map<string, number>();
  let silent: NotSwept[] = [];
  let emptyListings = 0;
  for (let round = 0; emptyListings < 2; round++) {
    if (round > 0) await sleep(ROUND_MS);
    const listed = await listAll(drivers);
    silent = listed.notSwept;
    // The journal is asked once: what stays open in it has its certificate all the same.
    const known = new Map([...listed.found, ...(round === 0 ? named.found : [])].map((one) => [one.name, one]));
    const isIn = ({ name }: Found) => scope === "all" || journalled.has(name) || (scope === "start" && isHusk(name));
    const inScope = [...known.values()].filter(isIn);
    for (const one of inScope) if (!mine(one.name)) kept.add(one.name);
    const doomed = inScope.filter((one) => mine(one.name) && (attempts.get(one.name) ?? 0) < ATTEMPTS_MAX);
    emptyListings = doomed.length === 0 ? emptyListings + 1 : 0;
    for (const { name } of doomed) attempts.set(name, (attempts.get(name) ?? 0) + 1);
    for (const one of await Promise.all(doomed.map((each) => destroyOne(each, options))))
      certificates.set(one.sandbox, one);
  }
  for (const { sandbox: name, status: certificate } of certificates.values()) {
    if (!journalled.has(name)) continue;
    appendEntry(stateDir, { kind: "dead", cycle: cycleOf(name), name, certificate, at: clock.now().toISOString() });
  }
  const reason = `${count(unreadableLines, "line")} that cannot be read`;
  const torn = unreadableLines === 0 ? [] : [{ what: "the journal", reason }];
  return {
    certificates: [...certificates.values()],
    kept: [...kept],
    notSwept: [...torn, ...named.notSwept, ...silent],
  };
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

/** `newCycleId` makes these. */
function isCycleId(text: string): boolean {
  return /^c\d{8}-\d{6}-[0-9a-f]{6}$/.test(text);
}

/** The cycle in `wd-<cycle>-<role>-<label>`; empty for a name of another form. */
export function cycleOf(name: string): string {
  return NAME.exec(name)?.groups?.["cycle"] ?? "";
}

/** `wd-<cycle>-<role>-<label>`; `x` stands for the gateway, which has no sandbox. */
const NAME = /^wd-(?<cycle>.+)-(?<role>target|lab|scratch|x)-(?<label>[A-Za-z0-9]+(-[A-Za-z0-9]+)*)$/;

function roleOf(name: string): Certificate["role"] {
  const role = NAME.exec(name)?.groups?.["role"];
  return role === "target" || role === "lab" || role === "scratch" ? role : "unknown";
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

function fromJournal(open: readonly { name: string; driver: string }[], drivers: readonly Driver[]) {
  const found: Found[] = [];
  const notSwept: NotSwept[] = [];
  for (const { name, driver: kind } of open) {
    const driver = drivers.find((one) => one.kind === kind);
    if (driver === undefined) notSwept.push({ what: name, reason: `its backend, ${kind}, is not there` });
    else found.push({ name, driver });
  }
  return { found, notSwept };
}

async function destroyOne({ name, driver }: Found, { stateDir, clock }: SweepOptions): Promise<Certificate> {
  const failure = await driver.destroy(name).then(() => undefined, messageOf);
  const certificate = await certify(driver, name, {
    role: roleOf(name),
    bornAt: null,
    runDirectory: runDirectoryOf(stateDir),
    clock,
  });
  if (failure !== undefined && certificate.status !== "destroyed")
    certificate.looks.push({ what: "destroy", status: "left", evidence: failure });
  return certificate;
}
