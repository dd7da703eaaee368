import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256Hex } from "../base/hash.ts";
import { type Drift, driftBetween } from "../probe/drift.ts";
import { baselineBefore, type Circumstances, type KeptBaseline, keepBaseline } from "../probe/keptBaseline.ts";
import type { Ground } from "./ground.ts";
import type { Measured } from "./measure.ts";
import type { Studied } from "./parts.ts";
import type { Target } from "./target.ts";

/** What changed since the cycle before; `since` is null when there was none of this stack. */
export type Since = Drift & { since: string | null };

export type Taken = { stack: Studied; target: Target; measured: Measured };

/** Compares what was measured with the last baseline of this stack, and keeps it as the next one. */
export function driftOfCycle(ground: Ground, taken: Taken): Since {
  const { stateDir, cycle, config, clock, intended } = ground;
  const before = baselineBefore(stateDir, { stack: config.stack.name, cycle });
  const after: KeptBaseline = {
    kind: "weakdoor-baseline",
    version: 1,
    stack: config.stack.name,
    cycle,
    takenAt: clock.now().toISOString(),
    circumstances: circumstancesOf(ground, taken),
    target: taken.measured.target.report,
    lab: taken.measured.lab.report,
  };
  keepBaseline(stateDir, after);
  if (before === undefined) return { since: null, causes: [], views: [] };
  return { since: before.cycle, ...driftBetween(before, after, intended, clock.now()) };
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
