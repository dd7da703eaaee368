import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Gateway } from "../egress/egress.ts";
import type { Internet } from "../probe/internet/internet.ts";
import type { Clone, Declared } from "../stack/stack.ts";
import { type Firewall, planFirewall, raiseOwn } from "./firewall.ts";
import { giveTo } from "./giveTo.ts";
import type { Ground } from "./ground.ts";
import { interfaceFor, internetAround, othersByFirewall, planResolver, RESOLVER_PATH } from "./internet.ts";
import { makeMountPoints } from "./mountPoints.ts";
import { limitsOf, narrowTo } from "./narrower.ts";
import { type Opening, open, type Room } from "./rooms.ts";
import { chooseDriver } from "./targetDriver.ts";
import { planTarget, type TargetPlan } from "./targetPlan.ts";
import { mayRunThirdParty, type ThirdParty } from "./weakGround.ts";

/** The agent's own sandbox rebuilt around the clone (targetPlan.ts), open and joined to the gateway. */
export type Target = Room & {
  declared: Declared;
  plan: TargetPlan;
  thirdParty: ThirdParty;
  internet: Internet;
  firewall: Firewall;
};

/**
 * `label` tells the rebuilt ones of one cycle apart; their stand-ins lie in a directory of that name. `isJoined` false: nothing
 * outside it is asked for, so no internet is simulated around it.
 */
export async function openTarget(
  ground: Ground,
  gateway: Gateway,
  clone: Pick<Clone, "home" | "workspace">,
  declared: Declared,
  { label = "1", isJoined = true }: { label?: string; isJoined?: boolean } = {},
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
  const chosen = chooseDriver(ground.config.target, ground.drivers, declared);
  const { rootfs } = ground.image;
  const plan = await planTarget({ declared, chosen, clone, directory, rootfs, onTouch });
  narrowTo(chosen.driver, plan);
  planResolver(plan, declared, chosen.driver, directory);
  const limits = limitsOf(declared, ground.config.limits, plan);
  const closeStandIns = async () => {
    for (const sentinel of plan.sentinels) sentinel.stop();
    await Promise.all(plan.standIns.map((standIn) => standIn.close()));
  };
  try {
    await prepare(plan, declared, clone, directory);
    const joinable = isJoined ? interfaceFor(declared, chosen.driver) : undefined;
    const room = await open(ground, gateway, chosen.driver, {
      role: "target",
      mounts: plan.mounts,
      confinement: plan.confinement,
      user: { uid: declared.user.uid, gid: declared.user.gid },
      cwd: "/",
      name: label,
      limits,
      ...(chosen.isTool ? asTool(declared) : {}),
      ...(joinable === undefined ? {} : { interface: joinable }),
    });
    const own = planFirewall(declared, clone);
    const isSigning = own.status === "script";
    const internet = isJoined ? await joinInternet(ground, room, { declared, chosen, isSigning }) : NOT_JOINED;
    const firewall = await joinFirewall(ground, room, { own, declared, clone, internet, directory });
    const others = othersByFirewall(firewall);
    plan.narrower.push(...others.narrower);
    plan.wider.push(...others.wider);
    return {
      ...room,
      internet,
      firewall,
      homePath: declared.homePath,
      workspacePath: declared.workspacePath,
      env: { HOME: declared.homePath, ...declared.env },
      network: declared.network,
      standIns: placesOf(plan),
      ours: [...placesOfOurs(declared), ...(internet.status === "standing" ? [RESOLVER_PATH] : [])],
      why: chosen.why,
      declared,
      plan,
      thirdParty: mayRunThirdParty({ weakGround: plan.weakGround, isolation: chosen.driver.isolation }),
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

const NOT_JOINED: Internet = { status: "none", reason: "nothing outside this room is asked for" };

type Open = Awaited<ReturnType<typeof open>>;

/** Without it the room is still a room; but one that an error leaves half open is ended. */
function joinInternet(ground: Ground, room: Open, what: Parameters<typeof internetAround>[2]): Promise<Internet> {
  return orEnd(room, () => internetAround(ground, room, what));
}

function joinFirewall(ground: Ground, room: Open, what: Parameters<typeof raiseOwn>[2]): Promise<Firewall> {
  return orEnd(room, () => raiseOwn(ground, room, what));
}

async function orEnd<T>(room: Open, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    await room.end();
    throw thrown;
  }
}

/** Everything that is mounted belongs to the user inside, and every place for a mount within a mount is there. */
async function prepare(
  plan: TargetPlan,
  declared: Declared,
  clone: Pick<Clone, "home" | "workspace">,
  directory: string,
): Promise<void> {
  const bases = plan.mounts.flatMap((mount) =>
    mount.kind === "bind" && statSync(mount.source).isDirectory() ? [{ path: mount.path, root: mount.source }] : [],
  );
  await makeMountPoints(declared, clone, bases);
  const { uid, gid } = declared.user;
  for (const tree of [directory, clone.home, clone.workspace]) giveTo(tree, uid, gid);
}

/** The tool understands its settings from where the agent works and whose home it is. */
export function asTool(declared: Declared): Pick<Opening, "cwd" | "env" | "settings"> {
  return {
    cwd: declared.workspacePath,
    env: { HOME: declared.homePath, ...declared.env },
    ...(declared.settings === undefined ? {} : { settings: declared.settings }),
  };
}

function placesOf(plan: TargetPlan): Room["standIns"] {
  return plan.mounts.flatMap((mount) => {
    const standIn = mount.kind === "bind" ? plan.standIns.find(({ path }) => path === mount.source) : undefined;
    return standIn === undefined ? [] : [{ path: mount.path, touches: () => standIn.touches() }];
  });
}

/**
 * Where the container's own image or an engine's volume would stand, or what the sandbox covers: directories of ours that come from
 * the host here and would not there.
 */
function placesOfOurs({ kind, homePath, resources }: Declared): string[] {
  if (kind === "none") return [];
  const home = resources.some(({ path, logical }) => path === homePath && logical !== undefined) ? [] : [homePath];
  return [
    ...home,
    ...resources.filter((each) => each.kind === "volume" || each.kind === "hidden").map(({ path }) => path),
  ];
}
