import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { messageOf, OperatorError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { type Gateway, GuestFailed } from "../egress/egress.ts";
import { type CheckRun, checkOf, type ProbeReport } from "../guest/observation.ts";
import { TWINS } from "../probe/twins/all.ts";
import { askRoom, inventoryOf, roomsOf, runOf } from "../probe/twins/hardened.ts";
import { pick } from "../probe/twins/pick.ts";
import { makeStage } from "../probe/twins/stage.ts";
import type { Backend, Room, Twin } from "../probe/twins/twin.ts";
import { verdictOf } from "../probe/twins/verdict.ts";
import type { PreflightRow } from "../report/report.ts";
import type { Driver } from "../sandbox/sandbox.ts";
import type { Ground } from "./ground.ts";
import { open } from "./rooms.ts";

/**
 * Three weak twins, drawn by the id of the cycle: each is a sandbox made weak on purpose, in which a check must say that
 * the door is open. One that does not has proved nothing by what it said of the target: its rows become not-measured.
 */
export type SelfTest = {
  rows: PreflightRow[];
  checks: CheckRun[];
  /** Why, by check, of those that did not open where they must. */
  unproved: ReadonlyMap<string, string>;
};

const TWINS_A_CYCLE = 3;
const PROBE_TIMEOUT_MS = 15_000;
const REPORT_BYTES_MAX = 4 * 1024 * 1024;
/** The one that starts fastest first; neither needs a daemon. */
const BACKENDS = [
  ["bubblewrap", "bubblewrap"],
  ["runsc", "gvisor"],
] as const;

export async function selfTest(ground: Ground, gateway: Gateway): Promise<SelfTest> {
  const bench = benchOf(ground);
  if (bench === undefined)
    return summed([], TWINS.length, [skipped("neither bubblewrap nor runsc is ready on this machine")]);
  const able = TWINS.filter((twin) => isMakeable(twin, bench.backend));
  const drawn = pick(able, TWINS_A_CYCLE, ground.cycle);
  const parent = join(ground.runDir, "twins");
  mkdirSync(parent, { mode: 0o711 });
  const looks = new Map<string, Promise<Seen>>();
  /** Siblings that are the same are one. */
  const lookAt = (room: Room): Promise<Seen> => {
    const key = JSON.stringify(room);
    const known = looks.get(key) ?? look(ground, gateway, bench.driver, room, `twin${looks.size}`);
    looks.set(key, known);
    return known;
  };
  const trying = drawn.map((twin) => tryTwin(twin, parent, lookAt));
  // Whatever becomes of one, the others are waited for: no sandbox is still being made when an error is heard of.
  await Promise.allSettled(trying);
  const outcomes = await Promise.all(trying);
  return summed(outcomes, able.length, []);
}

function benchOf({ drivers }: Ground): { driver: Driver; backend: Backend } | undefined {
  for (const [kind, backend] of BACKENDS) {
    const driver = drivers.find((candidate) => candidate.kind === kind);
    if (driver !== undefined) return { driver, backend };
  }
  return undefined;
}

function isMakeable({ notOn, needsRoot }: Twin, backend: Backend): boolean {
  return notOn?.[backend] === undefined && (needsRoot === undefined || process.getuid?.() === 0);
}

export type Outcome = { twin: Pick<Twin, "name" | "category"> } & (
  | { status: "fired"; besides: string }
  | { status: "silent"; missing: string[] }
  | { status: "not-run"; reason: string }
);

async function tryTwin(twin: Twin, parent: string, lookAt: (room: Room) => Promise<Seen>): Promise<Outcome> {
  await using stage = makeStage(parent);
  const rooms = await roomsOf(twin, stage);
  const looks = [lookAt(rooms.sibling), lookAt(rooms.weak)] as const;
  await Promise.allSettled(looks);
  const [sibling, weak] = await Promise.all(looks);
  if (sibling.status === "refused") return { twin, status: "not-run", reason: `its sibling: ${sibling.reason}` };
  if (weak.status === "refused") return { twin, status: "not-run", reason: weak.reason };
  const slow = [...unfinished(twin, sibling.report), ...unfinished(twin, weak.report)];
  if (slow.length > 0) return { twin, status: "not-run", reason: slow.join("; ") };
  const verdict = verdictOf(twin, sibling.report, weak.report, inventoryOf(rooms));
  switch (verdict.status) {
    case "silent":
      return { twin, status: "silent", missing: verdict.missing };
    case "spilled":
      return { twin, status: "fired", besides: `besides: ${verdict.others.join(", ")}` };
    case "loud":
      return { twin, status: "fired", besides: `also open in its sibling: ${verdict.exposures.join(", ")}` };
    case "fired":
      return { twin, status: "fired", besides: "" };
  }
}

type Seen = { status: "measured"; report: ProbeReport } | { status: "refused"; reason: string };

/** One of the two, from its birth to its certificate. What a machine cannot make now is no fault of a check. */
async function look(ground: Ground, gateway: Gateway, driver: Driver, room: Room, name: string): Promise<Seen> {
  const { mounts, confinement, uid, gid, env } = room;
  try {
    const opened = await open(ground, gateway, driver, {
      role: "scratch",
      mounts,
      confinement,
      user: { uid, gid },
      cwd: "/",
      name,
    });
    try {
      return await askRoom((stdin) =>
        ground.stepper.inSandbox(() =>
          opened.guest.run(
            {
              run: runOf(room),
              env: { ...env },
              cwd: "/",
              stdin,
              timeoutMs: PROBE_TIMEOUT_MS,
              outputBytesMax: REPORT_BYTES_MAX,
            },
            ground.signal,
          ),
        ),
      );
    } finally {
      await opened.end();
    }
  } catch (thrown) {
    if (thrown instanceof OperatorError || thrown instanceof GuestFailed)
      return { status: "refused", reason: messageOf(thrown) };
    throw thrown;
  }
}

/** Checks of the twin that met a bound or failed: their silence says nothing of them. */
function unfinished(twin: Twin, report: ProbeReport): string[] {
  const checks = new Set(twin.flips.map(checkOf));
  return report.checks
    .filter(({ check, status }) => checks.has(check) && status !== "ran")
    .map(({ check, reason }) => `${check}: ${reason}`);
}

/** Pure. `of`: how many twins could have been drawn. Those that fired stand in one row; each of the others has a line in the coverage. */
export function summed(outcomes: readonly Outcome[], of: number, more: readonly CheckRun[]): SelfTest {
  const fired = outcomes.filter(({ status }) => status === "fired");
  const silent = outcomes.filter((outcome) => outcome.status === "silent");
  const hasRun = fired.length + silent.length > 0;
  const row: PreflightRow = {
    what: `self-test: ${fired.length} of ${of} twins fired`,
    status: silent.length === 0 ? "held" : "refuted",
    detail: oneLine(outcomes.map(said).join(", "), 400),
  };
  return {
    rows: hasRun ? [row] : [],
    checks: [...outcomes.flatMap(lineOf), ...more],
    unproved: new Map(
      silent.flatMap(({ twin, missing }) =>
        missing.map((pattern) => [checkOf(pattern), `in the weak twin ${twin.name} it did not open`] as const),
      ),
    ),
  };
}

function said(outcome: Outcome): string {
  const { name } = outcome.twin;
  switch (outcome.status) {
    case "fired":
      return outcome.besides === "" ? name : `${name} (${outcome.besides})`;
    case "silent":
    case "not-run":
      return `${name} (${outcome.status})`;
  }
}

function lineOf(outcome: Outcome): CheckRun[] {
  const line = { check: `self-test: ${outcome.twin.name}`, category: outcome.twin.category, from: "host" as const };
  switch (outcome.status) {
    case "fired":
      return [];
    case "silent":
      return [{ ...line, status: "failed", reason: oneLine(`did not open: ${outcome.missing.join(", ")}`, 390) }];
    case "not-run":
      return [{ ...line, status: "skipped", reason: oneLine(outcome.reason, 390) }];
  }
}

function skipped(reason: string): CheckRun {
  return { check: "self-test", category: "process", from: "host", status: "skipped", reason };
}
