import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { OperatorError } from "../base/errors.ts";
import { type StandIn, standInSocket } from "../decoys/standIn.ts";
import type { Gateway } from "../egress/egress.ts";
import type { Confinement, Driver, Mount } from "../sandbox/sandbox.ts";
import type { Clone, Declared, DeclaredResource } from "../stack/stack.ts";
import type { Narrower } from "./faithful.ts";
import { giveTo } from "./giveTo.ts";
import type { Ground } from "./ground.ts";
import { clonedAt, makeMountPoints } from "./mountPoints.ts";
import { driverOf, open, type Room } from "./rooms.ts";

/**
 * The target: the agent's own sandbox as its stack declares it, with nothing of the host in it. What the declaration
 * takes from the home or the workspace comes from the clone; a host socket, a host directory, a volume is a stand-in of ours at
 * the same place; a device is left out and said.
 */
export type TargetPlan = {
  mounts: Mount[];
  standIns: StandIn[];
  /** What was declared and is not repeated, with the reason. */
  notRepeated: { what: string; why: string }[];
  confinement: Confinement;
  /** Where the room is narrower than what is declared: a refusal in it says nothing about the real one. */
  narrower: Narrower[];
  /** What makes the declared confinement weak; not empty: only our own probe and drills run in it. */
  weakGround: string[];
};

export type Target = Room & { declared: Declared; plan: TargetPlan };

/** `label` tells the rebuilt ones of one cycle apart; their stand-ins lie in a directory of that name. */
export async function openTarget(
  ground: Ground,
  gateway: Gateway,
  clone: Pick<Clone, "home" | "workspace">,
  declared: Declared,
  label = "1",
): Promise<Target> {
  const directory = join(ground.runDir, "target", label);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const onTouch = (path: string): void => {
    const payload = { path, target: label };
    ground.ledger.append({
      kind: "stand-in.touched",
      actor: { kind: "cycle", name: "cycle" },
      cycle: ground.cycle,
      payload,
    });
  };
  const plan = await planTarget({ declared, clone, directory, onTouch });
  const bases = plan.mounts.flatMap((mount) =>
    mount.kind === "bind" && statSync(mount.source).isDirectory() ? [{ path: mount.path, root: mount.source }] : [],
  );
  await makeMountPoints(declared, clone, bases);
  const { uid, gid } = declared.user;
  for (const tree of [directory, clone.home, clone.workspace]) giveTo(tree, uid, gid);
  const { driver, why } = chooseDriver(ground, declared);
  narrowTo(driver, plan);
  const closeStandIns = () => Promise.all(plan.standIns.map((standIn) => standIn.close()));
  try {
    const room = await open(ground, gateway, driver, {
      role: "target",
      mounts: plan.mounts,
      confinement: plan.confinement,
      user: { uid, gid },
      cwd: "/",
      name: label,
    });
    const standIns = plan.mounts.flatMap((mount) => {
      const standIn = mount.kind === "bind" ? plan.standIns.find(({ path }) => path === mount.source) : undefined;
      return standIn === undefined ? [] : [{ path: mount.path, touches: () => standIn.touches() }];
    });
    return {
      ...room,
      homePath: declared.homePath,
      workspacePath: declared.workspacePath,
      env: { HOME: declared.homePath, ...declared.env },
      network: declared.network,
      standIns,
      ours: placesOfOurs(declared),
      why,
      declared,
      plan,
      async [Symbol.asyncDispose]() {
        await room[Symbol.asyncDispose]();
        await closeStandIns();
      },
    };
  } catch (thrown) {
    await closeStandIns();
    throw thrown;
  }
}

export type PlanOptions = {
  declared: Declared;
  clone: Pick<Clone, "home" | "workspace">;
  /** A directory of ours for stand-ins, outside the clone. */
  directory: string;
  /** Called when a stand-in is touched, with the path at which it stands inside. */
  onTouch: (path: string) => void;
};

export async function planTarget({ declared, clone, directory, onTouch }: PlanOptions): Promise<TargetPlan> {
  const home = join(directory, "home");
  mkdirSync(home, { recursive: true, mode: 0o777 });
  const plan: TargetPlan = {
    mounts: [
      { kind: "tmpfs", path: "/tmp", sizeMiB: 64 },
      { kind: "bind", source: declared.kind === "none" ? clone.home : home, path: declared.homePath, mode: "rw" },
      { kind: "bind", source: clone.workspace, path: declared.workspacePath, mode: "rw" },
    ],
    standIns: [],
    notRepeated: [...declared.unrepeatable],
    confinement: {
      capabilities: declared.capabilities,
      noNewPrivileges: declared.noNewPrivileges,
      seccomp: declared.seccomp === "none" ? "none" : "strict",
      readOnlyRoot: declared.readOnlyRoot,
    },
    narrower: narrowerThan(declared),
    weakGround: weaknessesOf(declared),
  };
  const taken = new Set(plan.mounts.map((mount) => mount.path));
  for (const [index, resource] of declared.resources.entries()) {
    if (taken.has(resource.path)) continue;
    taken.add(resource.path);
    await addResource(plan, resource, { clone, onTouch, at: join(directory, `r${index}`) });
  }
  return plan;
}

type ResourceContext = { clone: PlanOptions["clone"]; onTouch: PlanOptions["onTouch"]; at: string };

async function addResource(
  plan: TargetPlan,
  resource: DeclaredResource,
  { clone, onTouch, at }: ResourceContext,
): Promise<void> {
  const { path, mode, kind } = resource;
  const bind = (source: string) => plan.mounts.push({ kind: "bind", source, path, mode });
  switch (kind) {
    case "workspace": {
      bind(cloned(clone, resource, at));
      return;
    }
    case "home-directory": {
      bind(cloned(clone, resource, at));
      return;
    }
    case "engine-socket":
    case "agent-socket": {
      mkdirSync(at, { mode: 0o755 });
      const standIn = await standInSocket(join(at, "s"), () => onTouch(path));
      plan.standIns.push(standIn);
      bind(standIn.path);
      return;
    }
    case "host-directory":
    case "volume": {
      mkdirSync(at, { mode: 0o777 });
      bind(at);
      return;
    }
    case "device": {
      plan.notRepeated.push({
        what: `device ${resource.source}`,
        why: "a device has no stand-in, and a real one is never handed in",
      });
      return;
    }
  }
}

/** Where the resource lies in the clone; an empty directory of ours when the clone holds nothing there. */
function cloned(clone: PlanOptions["clone"], resource: DeclaredResource, at: string): string {
  const source = clonedAt(resource, clone);
  if (source !== undefined && existsSync(source)) return source;
  mkdirSync(at, { recursive: true, mode: 0o777 });
  return at;
}

/** A weak target is a danger to the machine it stands on: these names decide what may run in it. */
function weaknessesOf(declared: Declared): string[] {
  return [
    ...declared.capabilities.map((name) => `added ${name}`),
    ...(declared.seccomp === "none" ? ["no seccomp filter"] : []),
    ...(declared.kind === "none" ? ["no sandbox is declared"] : []),
  ];
}

/**
 * Where the container's own image or an engine's volume would stand: directories of ours that come from the host here
 * and would not there.
 */
function placesOfOurs(declared: Declared): string[] {
  if (declared.kind === "none") return [];
  return [declared.homePath, ...declared.resources.filter(({ kind }) => kind === "volume").map(({ path }) => path)];
}

/** What every room of ours has and the declaration does not. */
function narrowerThan(declared: Declared): Narrower[] {
  const limits = { of: "resource-limit", why: "these limits are ours, not the declared ones" };
  if (declared.kind !== "none") return [limits];
  const why = "no sandbox is declared, and the machine that the agent really runs on is wider than this room";
  return [limits, ...(["filesystem", "process", "cross-boundary", "network"] as const).map((of) => ({ of, why }))];
}

/** A driver that cannot leave something open closes it, and that is said: a room narrower than the real one beats none. */
function narrowTo(driver: Driver, plan: TargetPlan): void {
  const limit = driver.cannot.find(({ what }) => what === "allow new privileges");
  if (limit === undefined || plan.confinement.noNewPrivileges) return;
  plan.confinement = { ...plan.confinement, noNewPrivileges: true };
  plan.notRepeated.push({ what: "new privileges", why: limit.why });
  plan.narrower.push({ of: "no-new-privs", why: limit.why });
}

function chooseDriver(ground: Ground, declared: Declared): { driver: Driver; why: string } {
  const wanted = ground.config.target.driver;
  if (wanted !== "auto") return { driver: driverOf(ground, wanted), why: `weakdoor.yaml asks for ${wanted}` };
  const docker = ground.drivers.find((driver) => driver.kind === "docker-runc");
  if (declared.kind === "devcontainer" && docker !== undefined) {
    return { driver: docker, why: "a devcontainer, and a container engine answers" };
  }
  const driver = ground.drivers.find((candidate) => candidate.kind === "bubblewrap") ?? docker;
  if (driver === undefined) throw new OperatorError("no isolation is ready on this machine", "run weakdoor doctor");
  return {
    driver,
    why:
      declared.kind === "none"
        ? "no sandbox is declared"
        : "a devcontainer, rebuilt without an engine because none answers here",
  };
}
