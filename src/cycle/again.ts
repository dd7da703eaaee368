import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf, Stopped } from "../base/errors.ts";
import { touchFromInside } from "../decoys/touch.ts";
import type { Gateway } from "../egress/egress.ts";
import type { Again } from "../probe/host/memory.ts";
import type { Mount } from "../sandbox/sandbox.ts";
import { giveTo } from "./giveTo.ts";
import type { Ground } from "./ground.ts";
import { limitsOf } from "./narrower.ts";
import { open } from "./rooms.ts";
import { asTool, type Target } from "./target.ts";
import { chooseDriver } from "./targetDriver.ts";

/**
 * The target's declaration, run once more. `later` is the next run of the same agent: what the clone, a named volume or the host
 * holds is there again, what belongs to one run alone (a file system in memory, an unnamed volume, the home in an image) is new.
 * `tenant` is somebody else's: a home, a workspace and volumes of their own, beside the same directories of the host.
 */
export type Whose = "later" | "tenant";

export async function runAgain(ground: Ground, gateway: Gateway, target: Target, whose: Whose): Promise<Again> {
  const { declared, plan } = target;
  if (target.sandbox.driver === "e2b") return refused("a second machine at E2B is not started for this");
  const chosen = chooseDriver(ground.config.target, ground.drivers, declared);
  try {
    const room = await open(ground, gateway, chosen.driver, {
      role: "target",
      mounts: mountsOf(ground, target, whose),
      confinement: plan.confinement,
      user: { uid: declared.user.uid, gid: declared.user.gid },
      cwd: "/",
      name: whose,
      limits: limitsOf(declared, ground.config.limits, plan),
      ...(chosen.isTool ? asTool(declared) : {}),
    });
    return {
      status: "open",
      touch: (orders) => ground.stepper.inSandbox(() => touchFromInside(room.guest, orders, ground.signal)),
      [Symbol.asyncDispose]: async () => void (await room.end()),
    };
  } catch (thrown) {
    if (thrown instanceof Stopped || ground.signal.aborted) throw thrown;
    return refused(`it did not start: ${messageOf(thrown)}`);
  }
}

function refused(reason: string): Again {
  return { status: "refused", reason, [Symbol.asyncDispose]: () => Promise.resolve() };
}

function mountsOf({ runDir }: Ground, { plan, declared }: Target, whose: Whose): Mount[] {
  const ours = join(runDir, "target");
  const lasting = new Set(declared.resources.filter((one) => isLasting(one, whose)).map(({ path }) => path));
  return plan.mounts.map((mount, index) => {
    if (mount.kind !== "bind" || lasting.has(mount.path) || !statSync(mount.source).isDirectory()) return mount;
    if (whose === "later" && !mount.source.startsWith(`${ours}/`)) return mount;
    const source = join(ours, whose, String(index));
    mkdirSync(source, { recursive: true, mode: 0o755 });
    giveTo(source, declared.user.uid, declared.user.gid);
    // The places of mounts below it are made in it.
    return { ...mount, source, mode: "rw" };
  });
}

/** There again: a directory of the host for everybody, a volume with a name for the same agent. */
function isLasting({ kind, source }: Target["declared"]["resources"][number], whose: Whose): boolean {
  return kind === "host-directory" || (whose === "later" && kind === "volume" && source !== "" && source !== "tmpfs");
}
