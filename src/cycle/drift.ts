import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256Hex } from "../base/hash.ts";
import type { ProbeReport } from "../guest/observation.ts";
import { type Drift, driftBetween, openedIn } from "../probe/drift.ts";
import { type Circumstances, type KeptBaseline, keepBaseline, NOTHING_REMEMBERED } from "../probe/keptBaseline.ts";
import { asHeld, rememberedFrom, standingBefore } from "../probe/standing.ts";
import type { Ground } from "./ground.ts";
import type { Measured, View } from "./measure.ts";
import type { Studied } from "./parts.ts";
import type { Target } from "./target.ts";

/** What changed, `since` which cycle, and `why` that one; `since` is null when there was none of this stack. */
export type Since = Drift & { since: string | null; why: string };

export type Taken = { stack: Studied; target: Target; measured: Measured };

/** Holds what was measured against the last baseline of this stack that still counts (probe/standing.ts), and keeps it as a next one. */
export function driftOfCycle(ground: Ground, taken: Taken): Since {
  const { cycle, config, clock } = ground;
  return heldAndKept(ground, {
    kind: "weakdoor-baseline",
    version: 2,
    stack: config.stack.name,
    cycle,
    takenAt: clock.now().toISOString(),
    circumstances: circumstancesOf(ground, taken),
    target: wholeOf(taken.measured.target),
    lab: wholeOf(taken.measured.lab),
  });
}

/** With what was seen from outside and through the agents' tools. Of one id the inside's word counts: outside it is only confirmed. */
function wholeOf({ report, observations, checks }: View): ProbeReport {
  const ids = new Set(report.observations.map(({ id }) => id));
  const names = new Set(report.checks.map(({ check }) => check));
  return {
    ...report,
    observations: [...report.observations, ...observations.filter(({ id }) => isNew(ids, id))],
    checks: [...report.checks, ...checks.filter(({ check }) => isNew(names, check))],
  };
}

function isNew(seen: Set<string>, name: string): boolean {
  const before = seen.size;
  return seen.add(name).size > before;
}

type Kept = Omit<KeptBaseline, "heldAgainst" | "remembered">;

export function heldAndKept(
  { stateDir, intended, clock }: Pick<Ground, "stateDir" | "intended" | "clock">,
  taken: Kept,
): Since {
  const now = clock.now();
  const standing = standingBefore({ stateDir, stack: taken.stack, cycle: taken.cycle }, intended, now);
  const first: KeptBaseline = { ...taken, heldAgainst: null, remembered: NOTHING_REMEMBERED };
  if (standing.status === "first") {
    keepBaseline(stateDir, first);
    return { since: null, why: "", causes: [], views: [] };
  }
  const before = asHeld(standing.baseline);
  const drift = driftBetween(before, first, intended, now, standing.carried);
  keepBaseline(stateDir, {
    ...taken,
    heldAgainst: { cycle: before.cycle, opened: openedIn(drift, before, first) },
    remembered: {
      target: rememberedFrom(before.target, taken.target),
      lab: rememberedFrom(before.lab, taken.lab),
    },
  });
  const isElsewhere = drift.causes.some(({ what, before: was }) => what === "directories" && was !== undefined);
  const other = isElsewhere
    ? "; its home or workspace lay elsewhere: if it is another stack, give it another name"
    : "";
  return { since: before.cycle, why: `${standing.why}${other}`, ...drift };
}

function circumstancesOf({ config, version, image }: Ground, { stack, target }: Taken): Circumstances {
  const { snapshot } = stack;
  const files = snapshot.files.map(({ path, sha256 }) => [`file ${path}`.slice(0, 200), sha256] as const);
  const agents = snapshot.agents.map(({ kind, version: of }) => [`agent ${kind}`, of] as const);
  const packages = snapshot.packages.map(({ name, version: of }) => [`package ${name}`, of] as const);
  return {
    ...Object.fromEntries([...files, ...agents, ...packages]),
    kernel: snapshot.kernel,
    image: `${basename(image.rootfs)}/${basename(image.guest)}`,
    // Of where it stands no more than whether that is the same: two stacks of one name are told apart by it.
    directories: sha256Hex(`${config.stack.home}\0${config.stack.workspace}`),
    driver: target.sandbox.driver,
    "declared in": target.declared.declaredAt,
    "egress policy": filesHash("allowlists"),
    configuration: config.sha256,
    prompts: filesHash("prompts"),
    model: config.research.model ?? config.research.mode,
    weakdoor: version,
    node: process.version,
  };
}

/** Of a directory of the project's own files. The gateway's hash would not do: each cycle has a canary host of its own in it. */
function filesHash(directory: string): string {
  const root = fileURLToPath(new URL(`../../${directory}`, import.meta.url));
  const names = readdirSync(root).sort();
  return sha256Hex(names.map((name) => `${name}\0${readFileSync(join(root, name), "utf8")}\0`).join(""));
}
