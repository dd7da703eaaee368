import { chmodSync, mkdirSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fakeMaker } from "../canaries/fakes.ts";
import { loadMasterKey } from "../canaries/key.ts";
import { touchFromInside } from "../decoys/touch.ts";
import type { Gateway } from "../egress/egress.ts";
import type { DrillOrder } from "../guest/drill/order.ts";
import type { CheckRun, Observation } from "../guest/observation.ts";
import { MEMORY_STORES } from "../guest/probe/memory/memory-places.ts";
import { askCanaries, type CanaryPlace } from "../probe/host/canaries.ts";
import { askCopyOut } from "../probe/host/copyOut.ts";
import { askMemory, type MemoryPlace } from "../probe/host/memory.ts";
import { askOutlives } from "../probe/host/outlives.ts";
import { type TrustContents, trustContents } from "../probe/host/trust.ts";
import { askVersions, thisMachine } from "../probe/host/versions.ts";
import { cloneWorkspace } from "../stack/clone.ts";
import { runAgain } from "./again.ts";
import type { Ground } from "./ground.ts";
import type { Target } from "./target.ts";

export type HostRows = { observations: Observation[]; checks: CheckRun[] };

/** What only this side can say of the target: where files of ours end up, what our copier follows, what makes sandboxes here. */
export async function hostRows(ground: Ground, gateway: Gateway, target: Target): Promise<HostRows> {
  const elsewhere = elsewhereOf(ground.cycle);
  mkdirSync(elsewhere);
  // Open to everybody, so that only the sandbox's walls decide.
  chmodSync(elsewhere, 0o777);
  const touch = (orders: readonly DrillOrder[]) =>
    ground.stepper.inSandbox(() => touchFromInside(target.guest, orders, ground.signal));
  try {
    const versions = askVersions(thisMachine(ground.signal));
    const places = placesOf(target);
    const canaries = await askCanaries({ places, elsewhere, touch });
    const copied = await askLinks(ground, places, elsewhere, touch);
    const left = await askMemory({
      places: memoryPlaces(target),
      first: touch,
      again: (whose) => runAgain(ground, gateway, target, whose),
    });
    const outlives = await askOutlives({
      marker: `left-behind-${ground.cycle}`,
      touch,
      hidden: hiding(target),
      shorter: shorterThanOurs(target),
    });
    return joined([canaries, copied, left, outlives, await versions]);
  } finally {
    await rm(elsewhere, { recursive: true, force: true });
  }
}

/** What runs under a kernel of its own shows nowhere on this machine. */
function hiding({ sandbox }: Target): string | undefined {
  if (sandbox.isolation === "container") return undefined;
  return `its processes are its own kernel's (${sandbox.isolation}), and nobody sees them from outside`;
}

/** A tool that confines each command makes it a sandbox of its own, which ends with it. */
function shorterThanOurs({ declared }: Target): string | undefined {
  if (declared.kind !== "srt" && declared.kind !== "bubblewrap") return undefined;
  return "the agent's own sandbox lasts one command, and this one lasts the cycle";
}

/** Where every user may read and write: the state directory is closed to all but ours, and would prove nothing. */
export function elsewhereOf(cycle: string): string {
  return `/var/tmp/wd-elsewhere-${cycle}`;
}

type Touch = Parameters<typeof askCanaries>[0]["touch"];

/** By the copier that makes the clones, into a directory of this cycle. */
async function askLinks(
  { runDir, stateDir, cycle, clock, signal }: Ground,
  places: readonly CanaryPlace[],
  elsewhere: string,
  touch: Touch,
): Promise<HostRows> {
  const workspace = places.find(({ name }) => name === "workspace");
  if (workspace?.outside === undefined) return { observations: [], checks: [] };
  const out = join(runDir, "copy-out");
  const below = join(elsewhere, "links");
  mkdirSync(below, { mode: 0o755 });
  try {
    return await askCopyOut({
      inside: workspace.inside,
      outside: workspace.outside,
      elsewhere: below,
      touch,
      copy: async (directory) => {
        const fakes = fakeMaker({ masterKey: loadMasterKey(stateDir), cycle, clock });
        return (await cloneWorkspace(directory, { out, fakes, cycle, signal })).root;
      },
    });
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

/** One order each, and one more. */
const PLACES_MAX = 48;

/** Where something could be left: the places of the agent, everybody's, and the stores of the agents. */
function memoryPlaces({ workspacePath, homePath, declared }: Target): MemoryPlace[] {
  const stores = MEMORY_STORES.map(([place]) => ({
    name: place,
    inside: place.startsWith("~/") ? join(homePath, place.slice(2)) : join(workspacePath, place),
  }));
  const places = [
    { name: "workspace", inside: workspacePath },
    { name: "home", inside: homePath },
    ...stores,
    ...["/tmp", "/var/tmp", "/dev/shm"].map((path) => ({ name: path, inside: path })),
    ...declared.resources.filter(isShared).map(({ path }) => ({ name: path, inside: path })),
  ];
  return places
    .filter(({ inside }, index) => places.findIndex((other) => other.inside === inside) === index)
    .slice(0, PLACES_MAX);
}

/** A directory that is not the agent's own. */
function isShared({ kind, mode }: Target["declared"]["resources"][number]): boolean {
  return mode === "rw" && (kind === "volume" || kind === "host-directory");
}

function placesOf(target: Target): CanaryPlace[] {
  const places = [
    { name: "workspace", inside: target.workspacePath },
    { name: "home", inside: target.homePath },
    { name: "tmp", inside: "/tmp" },
    { name: "var-tmp", inside: "/var/tmp" },
    { name: "root", inside: "/" },
  ];
  return places.map((place) => ({ ...place, ...backing(target, place.inside) }));
}

/** Of the target's files, where they lie on this side. */
export function trustOf(target: Target): TrustContents {
  const workspace = backing(target, target.workspacePath).outside;
  const home = backing(target, target.homePath).outside;
  return trustContents({
    ...(workspace === undefined ? {} : { workspace }),
    ...(home === undefined ? {} : { home }),
  });
}

/** The directory on this side that a path inside is of, by the nearest mount. A machine elsewhere has none. */
function backing({ plan, sandbox }: Target, path: string): { outside?: string } {
  const mount = plan.mounts
    .filter((candidate) => path === candidate.path || path.startsWith(`${candidate.path}/`))
    .toSorted((a, b) => b.path.length - a.path.length)
    .at(0);
  if (mount?.kind !== "bind" || sandbox.driver === "e2b") return {};
  const outside = join(mount.source, path.slice(mount.path.length));
  return statSync(outside, { throwIfNoEntry: false })?.isDirectory() === true ? { outside } : {};
}

function joined(parts: readonly HostRows[]): HostRows {
  return {
    observations: parts.flatMap(({ observations }) => observations),
    checks: parts.flatMap(({ checks }) => checks),
  };
}
