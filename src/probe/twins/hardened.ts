import { carried, guestArgv } from "../../guest/argv.ts";
import type { ProbeRequest } from "../../guest/probe/request.ts";
import type { Task } from "../../guest/wire.ts";
import { type Mount, STRICT } from "../../sandbox/sandbox.ts";
import { hostFacts } from "../baseline.ts";
import { type Carrier, type Measurement, measure, requestOf } from "../probe.ts";
import type { Stage } from "./stage.ts";
import { HOME, type Room, type Stance, type Twin, WORKSPACE } from "./twin.ts";

const HARDENED: Room = {
  mounts: [{ kind: "tmpfs", path: "/tmp", sizeMiB: 64 }],
  confinement: STRICT,
  uid: 1000,
  gid: 1000,
  env: { PATH: "/bin:/usr/bin", HOME },
};

/** The rooms of a twin and of its sibling, with what their stage holds made. */
export async function roomsOf(twin: Twin, stage: Stage): Promise<{ sibling: Room; weak: Room }> {
  const sibling = over(HARDENED, (await twin.given?.(stage)) ?? {});
  return { sibling, weak: over(sibling, await twin.weaken(stage, sibling)) };
}

function over(room: Room, stance: Stance): Room {
  const { mounts = [], confinement, env, uid = room.uid, companion = room.companion } = stance;
  const paths = new Set(mounts.map(({ path }) => path));
  return {
    mounts: [...room.mounts.filter(({ path }) => !paths.has(path)), ...mounts],
    confinement: { ...room.confinement, ...confinement },
    env: { ...room.env, ...env },
    uid,
    gid: uid,
    ...(companion === undefined ? {} : { companion }),
  };
}

/** The rows of the inventory in which the two differ, because of the mounts that the twin was given: they say no more than that. */
export function inventoryOf({ sibling, weak }: { sibling: Room; weak: Room }): string[] {
  const modes = new Map(sibling.mounts.map((mount) => [mount.path, modeOf(mount)]));
  return weak.mounts
    .filter((mount) => modes.get(mount.path) !== modeOf(mount))
    .map(({ path }) => `mount:${shown(path)}`);
}

function modeOf(mount: Mount): string {
  return mount.kind === "bind" ? mount.mode : mount.kind;
}

/** As the probe writes a path in an id. */
function shown(path: string): string {
  if (path.startsWith(`${WORKSPACE}/`)) return path.slice(WORKSPACE.length + 1);
  return path.startsWith(`${HOME}/`) ? `~${path.slice(HOME.length)}` : path;
}

/** What is run inside: the probe, or its companion, which starts it. */
export function runOf({ companion }: Pick<Room, "companion">): Task["run"] {
  if (companion === undefined) return { program: "probe", args: [] };
  return { argv: [...carried("node"), "-e", companion, "--", ...guestArgv("probe", [])] };
}

/** Asks the probe inside, as a target's; what leaves it is asked for only in a simulated internet. */
export async function askRoom(carry: Carrier, network?: ProbeRequest["network"]): Promise<Measurement> {
  const request = requestOf({ vantage: "target", home: HOME, workspace: WORKSPACE, host: await hostFacts() });
  return measure(carry, network === undefined ? request : { ...request, network });
}
