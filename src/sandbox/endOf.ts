import { join } from "node:path";
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { CUT_MS } from "../stop/cutFirst.ts";
import { appendEntry } from "../stop/journal.ts";
import { killRegistered } from "../stop/registered.ts";
import { type Certificate, certify } from "./certificate.ts";
import { type Life, lifeNow } from "./life.ts";
import type { Driver, Look, Sandbox, SandboxSpec } from "./sandbox.ts";

/** What there is of a sandbox: nothing yet, while its create is under way. */
export type Made = {
  sandbox: Sandbox | undefined;
  life: Omit<Life, "aliveUntil"> | undefined;
  bornAt: string | null;
  looks: (() => Look)[];
};

export type EndOptions = {
  stateDir: string;
  clock: Clock;
  /** Aborted: it is ended by the kill switch. */
  signal: AbortSignal;
  egress?: Egress;
  onCertificate(certificate: Certificate): void;
};

/** What its bytes leave by. */
export type Egress = { /** Resolves when it is closed. Idempotent. */ cut(reason: string): Promise<void> };

/** A kill that has not come back by then is left to `destroy`, which knows other routes. */
const KILL_DEADLINE_MS = 3_000;

/**
 * Ends it, by the driver and by what the journal knows, looks at the machine for what is left, tells, and writes it down.
 * Throws when it cannot be written down.
 */
export async function endOf(
  driver: Driver,
  { name, cycle, role }: SandboxSpec,
  { sandbox, life: atBirth, bornAt, looks }: Made,
  options: EndOptions,
): Promise<Certificate> {
  const { stateDir, clock } = options;
  const failures = await cutBefore(options);
  const { life, doubts } = lifeOf(name, atBirth, clock.now());
  const alsoLook = () => [...channelLook(sandbox), ...looks.map((one) => one()), ...doubts];
  const runDirectory = runDirectoryOf(stateDir);
  const look = () => certify(driver, name, { role, bornAt, runDirectory, clock, life, alsoLook });
  sandbox?.channel.destroy();
  // Two routes at once: the driver's, and what the journal knows, which no hanging backend can hold up. Of many that end
  // together every one is first struck once, and only then is looked for what else there is of each.
  const routes = [
    attempt("kill", async () => sandbox?.kill() ?? driver.destroy(name)),
    attempt("kill by the journal", async () => {
      await turnOfTheLoop();
      killRegistered({ ...life, hints: sandbox?.hints ?? {} });
    }),
  ];
  failures.push(...(await Promise.all(routes)).flat());
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
    aliveUntil: life.aliveUntil.toISOString(),
  });
  return certificate;
}

/** By the switch, egress is cut before anything is killed: see cutFirst.ts. An end for another reason leaves it to the others. */
async function cutBefore({ signal, egress }: EndOptions): Promise<Look[]> {
  if (!signal.aborted || egress === undefined) return [];
  return attempt("cut egress", () => egress.cut("stopped"), CUT_MS);
}

/** Nothing keeps it from being killed, not even that nobody can look (no descriptor left): then the certificate says so. */
function lifeOf(name: string, atBirth: Made["life"], now: Date): { life: Life; doubts: Look[] } {
  if (atBirth !== undefined) return { life: { ...atBirth, aliveUntil: now }, doubts: [] };
  try {
    return { life: lifeNow(name, {}, now), doubts: [] };
  } catch (thrown) {
    const doubt: Look = { what: "what lived of it", status: "not-looked", reason: messageOf(thrown) };
    return { life: { processes: [], netns: [], aliveUntil: now }, doubts: [doubt] };
  }
}

/** The stream to its first process, at our end. */
function channelLook(sandbox: Sandbox | undefined): Look[] {
  if (sandbox === undefined) return [];
  const what = "its channel";
  if (sandbox.channel.closed) return [{ what, status: "clean", evidence: "closed" }];
  return [{ what, status: "left", evidence: "still open" }];
}

/** A kill that failed or hangs is no verdict: the looks are. It is kept to be shown beside them when they find something. */
async function attempt(what: string, end: () => Promise<void>, deadlineMs = KILL_DEADLINE_MS): Promise<Look[]> {
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(() => late.resolve(`had not ended after ${deadlineMs} ms`), deadlineMs);
  const outcome = await Promise.race([end().then(() => "", messageOf), late.promise]);
  clearTimeout(timer);
  return outcome === "" ? [] : [{ what, status: "left", evidence: outcome }];
}

/** Where drivers keep what belongs to one sandbox while it lives. */
export function runDirectoryOf(stateDir: string): string {
  return join(stateDir, "run");
}
