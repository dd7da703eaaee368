import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Gateway, GuestFailed } from "../egress/egress.ts";
import type { CheckRun, Observation, ProbeReport } from "../guest/observation.ts";
import type { SimulatedInternet } from "../guest/probe/network/try.ts";
import type { ProbeRequest } from "../guest/probe/request.ts";
import { hostBaseline, hostFacts, withBaseline } from "../probe/baseline.ts";
import { compareViews } from "../probe/compare.ts";
import type { TrustContents } from "../probe/host/trust.ts";
import type { Internet } from "../probe/internet/internet.ts";
import type { Runner } from "../probe/internet/ping.ts";
import { lookFromOutside, outsideElsewhere } from "../probe/outside.ts";
import { type Carrier, type Measurement, measure, OUR_MACHINERY, requestOf } from "../probe/probe.ts";
import { labWithinTarget, type Subset } from "../probe/subset.ts";
import { unmeasured } from "../probe/unmeasured.ts";
import { faithful } from "./faithful.ts";
import { type Firewall, firewallRun } from "./firewall.ts";
import type { Ground } from "./ground.ts";
import { hostRows, trustOf } from "./hostRows.ts";
import { heldAgainstSink, listeningIn } from "./internet.ts";
import type { Room } from "./rooms.ts";
import { type SelfTest, selfTest } from "./selfTest.ts";
import type { Target } from "./target.ts";
import { withoutUnproved } from "./unproved.ts";

const PROBE_TIMEOUT_MS = 20_000;
const REPORT_BYTES_MAX = 4 * 1024 * 1024;

/** One sandbox, measured from inside and from outside. */
export type View = {
  report: ProbeReport;
  observations: Observation[];
  checks: CheckRun[];
  /** Set when the probe inside gave no report: its rows then say so, each of them. */
  silent?: string;
};

export type Measured = {
  target: View;
  lab: View;
  subset: Subset;
  /** Whether the checks are seen to open where the door stands open. */
  selfTest: SelfTest;
  /** The target's own report as it came, for the comparison with the second one. */
  asMeasured: ProbeReport;
  /** What the target's files held that programs outside obey, before anything was done in it. */
  trust: TrustContents;
};

/** Host baseline, weak twins, target and lab, and whether the lab stays within the target. Throws when a probe's answer is refused. */
export async function measureAll(ground: Ground, gateway: Gateway, target: Target, lab: Room): Promise<Measured> {
  const { image, config, signal } = ground;
  const trust = trustOf(target);
  const testing = selfTest(ground, gateway);
  const measuring = Promise.all([
    hostBaseline({
      bundle: { node: process.execPath, probe: join(image.guest, "probe.mjs") },
      home: config.stack.home,
      workspace: config.stack.workspace,
      signal,
    }),
    measureTarget(ground, gateway, target),
    measureRoom(ground, lab),
  ]);
  // Whatever becomes of one, no twin is still being made when an error is heard of.
  await Promise.allSettled([testing, measuring]);
  const [baseline, targetView, labView] = await measuring;
  const selfTested = await testing;
  const onHost = baselineOf(baseline);
  const subset = subsetOf(labView, targetView);
  const proved = (view: View) => withoutUnproved(compared(view, onHost), selfTested.unproved);
  return {
    target: faithful(target, proved(targetView)),
    lab: proved(labView),
    subset,
    selfTest: selfTested,
    asMeasured: targetView.report,
    trust,
  };
}

/** Where the host's own probe gave no report no refusal inside has anything to stand beside, and none counts. */
function baselineOf(baseline: Measurement): ProbeReport {
  if (baseline.status === "measured") return baseline.report;
  const reason = `the probe on the host: ${baseline.reason}`;
  if (baseline.isSilent === true) return unmeasured("host", reason);
  throw new Error(reason);
}

/** The lab can do more than the target, or it was not shown that it cannot: the researcher does not start. */
export class WiderLab extends Error {}

/** Where a probe gave no report there is nothing to hold against each other: the cycle says what else it saw, and has no researcher. */
function subsetOf(lab: View, target: View): Subset {
  const reason = target.silent ?? lab.silent;
  if (reason !== undefined) return { status: "not_run", reason };
  const subset = labWithinTarget(lab.report, target.report, []);
  refuseWiderLab(subset);
  return subset;
}

function refuseWiderLab(subset: Subset): void {
  if (subset.status === "held") return;
  if (subset.status === "not_run")
    throw new WiderLab(`the lab was not shown to be within the target: ${subset.reason}`);
  const rows = subset.rows.map((row) => `${row.id} (lab: ${row.lab}, target: ${row.target})`);
  throw new WiderLab(`the lab can do more than the target: ${rows.slice(0, 8).join("; ")}`);
}

/** The target is also asked what only files of ours can show. */
async function measureTarget(ground: Ground, gateway: Gateway, target: Target): Promise<View> {
  const view = await measureRoom(ground, target);
  const { observations, checks } = await hostRows(ground, gateway, target);
  return {
    ...view,
    observations: [...view.observations, ...observations],
    checks: [...view.checks, ...checks],
  };
}

/** Inside by the probe, outside by pid, and where they disagree a row that says so. */
export async function measureRoom(ground: Ground, room: Joined): Promise<View> {
  const host = await hostFacts();
  const { report: inside, silent } = told(room, await probeRoom(ground, room, host));
  const outside =
    room.sandbox.driver === "e2b"
      ? outsideElsewhere("it stands at E2B, where nobody can look at it from outside")
      : await lookFromOutside(room.sandbox.pid, host.namespaces, {
          home: room.homePath,
          workspace: room.workspacePath,
        });
  const contradictory = [...compareViews(inside, outside).contradictory, ...unheard(room, inside)];
  const disputed = new Set(contradictory.map((row) => row.id));
  const report = {
    ...inside,
    observations: [...inside.observations.filter((row) => !disputed.has(row.id)), ...contradictory],
  };
  const listening = await listeningIn(room, room.internet);
  return {
    report,
    observations: [...report.observations, ...outside.observations, ...listening.observations],
    checks: [
      ...report.checks,
      ...outside.checks,
      ...listening.checks,
      ...firewallRun(room.firewall ?? { status: "none" }),
    ],
    ...(silent === undefined ? {} : { silent }),
  };
}

/** Throws when there is a report and it is not to be believed: whoever wrote that may have written anything else. */
function told(room: Room, measured: Measurement): { report: ProbeReport; silent?: string } {
  if (measured.status === "measured") return { report: measured.report };
  const reason = `the probe in the ${room.role}: ${measured.reason}`;
  if (measured.isSilent !== true) throw new GuestFailed(reason);
  return { report: unmeasured(room.role === "lab" ? "lab" : "target", reason), silent: reason };
}

/** A room, and what stands around it. */
type Joined = Room & { internet?: Internet; firewall?: Firewall };

/** Stand-ins that the inside says it reached while nobody came to our end of them: the guest's word against what we saw. */
function unheard(room: Room, report: ProbeReport): Observation[] {
  const silent = room.standIns.filter((standIn) => standIn.touches() === 0).map(({ path }) => path);
  return report.observations
    .filter(
      (row) =>
        row.verdict === "decoy-reached" &&
        row.access.includes("connect") &&
        silent.some((path) => row.id.endsWith(`:${path}`)),
    )
    .map((row) => ({
      ...row,
      verdict: "contradictory" as const,
      detail: "said to be reached, and nobody connected to our end of it",
    }));
}

export async function probeRoom(
  ground: Ground,
  room: Joined,
  host: Awaited<ReturnType<typeof hostFacts>>,
): Promise<Measurement> {
  const task = { env: { ...room.env }, cwd: "/", timeoutMs: PROBE_TIMEOUT_MS, outputBytesMax: REPORT_BYTES_MAX };
  const carry: Carrier = (stdin) =>
    ground.stepper.inSandbox(() =>
      room.guest.run({ ...task, run: { program: "probe", args: [] }, stdin }, ground.signal),
    );
  const run: Runner = (argv) =>
    ground.stepper.inSandbox(() => room.guest.run({ ...task, run: { argv }, stdin: "" }, ground.signal));
  const request = requestOf({
    vantage: room.role === "lab" ? "lab" : "target",
    home: room.homePath,
    workspace: room.workspacePath,
    keyHex: randomBytes(32).toString("hex"),
    standIns: room.standIns.map((standIn) => standIn.path),
    ours: [...OUR_MACHINERY, ...room.ours],
    host,
  });
  return heldAgainstSink(
    room,
    room.internet,
    (network) => measure(carry, withNetwork(request, network)),
    run,
    room.firewall,
  );
}

function withNetwork(request: ProbeRequest, network: SimulatedInternet | undefined): ProbeRequest {
  return network === undefined ? request : { ...request, network };
}

function compared(view: View, baseline: ProbeReport): View {
  const report = withBaseline(view.report, baseline);
  const changed = new Map(report.observations.map((row) => [row.id, row]));
  const observations = view.observations.map((row) =>
    row.from === report.from ? (changed.get(row.id) ?? row) : row,
  );
  return { ...view, report, observations };
}
