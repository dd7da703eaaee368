import { join } from "node:path";
import { messageOf, OperatorError, Stopped } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { type Gateway, type Guest, GuestFailed } from "../egress/egress.ts";
import type { Certificate } from "../sandbox/certificate.ts";
import { type Provisioned, provision } from "../sandbox/provision.ts";
import {
  type Confinement,
  type Driver,
  type DriverKind,
  ISOLATIONS,
  type Look,
  type Mount,
  type Role,
  type SandboxSpec,
  STRICT,
} from "../sandbox/sandbox.ts";
import type { Clone, Declared } from "../stack/stack.ts";
import type { Ground } from "./ground.ts";
import { labMounts, labUser, NOBODY } from "./labPlan.ts";

/** A sandbox with its guest joined to the gateway, and what is known about its inside. Leaving its scope ends it. */
export type Room = AsyncDisposable & {
  role: Role;
  sandbox: Provisioned;
  guest: Guest;
  /** Ends the sandbox and tells what the looks found; its time counts as the sandbox's. */
  end(): Promise<Certificate>;
  homePath: string;
  workspacePath: string;
  /** Of the agent's processes inside, as the stack declares it. */
  env: Readonly<Record<string, string>>;
  network: Declared["network"];
  /** By their path inside, with how often each was connected to as seen from outside. */
  standIns: readonly { path: string; touches(): number }[];
  /** Paths inside that are ours to make the room complete, and say nothing of the stack. */
  ours: readonly string[];
  /** Why this driver. */
  why: string;
};

const HELLO_TIMEOUT_MS = 15_000;

export type Lab = Room & { isWeak: boolean };

/** The researcher's sandbox: the strongest that really starts, with the workspace read-only and nothing else of the clone. */
export async function labRoom(ground: Ground, gateway: Gateway, clone: Clone, declared: Declared): Promise<Lab> {
  const { minimum, allowWeakIsolation, allowE2b } = ground.config.lab;
  const failures: string[] = [];
  // The clone goes to an outside service only where a person wrote that the lab may stand there.
  const candidates = ground.drivers.filter(({ kind }) => kind !== "e2b" || allowE2b);
  for (const driver of strongestFirst(candidates)) {
    const isWeak = ISOLATIONS.indexOf(driver.isolation) < ISOLATIONS.indexOf(minimum);
    if (isWeak && !allowWeakIsolation) break;
    try {
      const mounts = labMounts(declared, clone, join(ground.runDir, "lab"));
      const user = labUser(declared, driver.isolation);
      const room = await open(ground, gateway, driver, { role: "lab", mounts, confinement: STRICT, user, cwd: "/" });
      const why = [
        `the strongest that starts here (${driver.isolation}; the minimum is ${minimum})`,
        ...failures,
      ].join("; ");
      return {
        ...room,
        homePath: "/nonexistent",
        workspacePath: declared.workspacePath,
        env: {},
        network: "none",
        standIns: [],
        ours: [],
        why,
        isWeak,
      };
    } catch (thrown) {
      if (thrown instanceof Stopped || ground.signal.aborted) throw thrown;
      failures.push(`${driver.kind} did not start: ${messageOf(thrown)}`);
    }
  }
  throw new OperatorError(
    `no sandbox of at least ${minimum} starts on this machine for the lab${failures.length > 0 ? ` (${failures.join("; ")})` : ""}`,
    "install runsc, or set lab.allowWeakIsolation: true to accept a weaker one, which every report will say",
  );
}

/** A short-lived strict sandbox, for the preflight or a proof. */
export async function scratchRoom(
  ground: Ground,
  gateway: Gateway,
  wanted: { driver: DriverKind; name: string; mounts: readonly Mount[]; user?: { uid: number; gid: number } },
): Promise<Room> {
  const mounts: Mount[] = [{ kind: "tmpfs", path: "/tmp", sizeMiB: 64 }, ...wanted.mounts];
  const opening: Opening = {
    role: "scratch",
    mounts,
    confinement: STRICT,
    user: wanted.user ?? NOBODY,
    cwd: "/",
    name: wanted.name,
  };
  const room = await open(ground, gateway, driverOf(ground, wanted.driver), opening);
  return {
    ...room,
    homePath: "/nonexistent",
    workspacePath: "/nonexistent",
    env: {},
    network: "none",
    standIns: [],
    ours: [],
    why: "",
  };
}

export type Opening = {
  role: Role;
  mounts: readonly Mount[];
  confinement: Confinement;
  user: { uid: number; gid: number };
  cwd: string;
  /** Told apart from others of the same role. */
  name?: string;
  /** Of the first process, when it is not ours alone (srt reads HOME). */
  env?: Readonly<Record<string, string>>;
  /** What the declaration says, where the configuration's own are not meant. */
  limits?: SandboxSpec["limits"];
  /** Of a tool that the driver runs with it. */
  settings?: SandboxSpec["settings"];
  interface?: SandboxSpec["interface"];
};

/** Provisions, joins the gateway, and waits for the shim's first word: a sandbox that does not speak has not started. */
export async function open(ground: Ground, gateway: Gateway, driver: Driver, opening: Opening) {
  const { cycle, stateDir, clock, signal, watchdog, image, config } = ground;
  const { role, mounts, confinement, user, cwd } = opening;
  return ground.stepper.inSandbox(async () => {
    const sandbox = await provision(
      driver,
      {
        name: `wd-${cycle}-${role}-${opening.name ?? "1"}`,
        cycle,
        role,
        rootfs: image.rootfs,
        guest: image.guest,
        mounts,
        env: opening.env ?? {},
        cwd,
        uid: user.uid,
        gid: user.gid,
        limits: opening.limits ?? config.limits,
        confinement,
        ...(opening.settings === undefined ? {} : { settings: opening.settings }),
        ...(opening.interface === undefined ? {} : { interface: opening.interface }),
      },
      {
        stateDir,
        clock,
        signal,
        watchdog,
        egress: gateway,
        onCertificate: (certificate) => ground.onCertificate(certificate),
      },
    );
    try {
      sandbox.alsoLook(() => gatewayLook(gateway, sandbox.name));
      const guest = await gateway.attach({
        name: sandbox.name,
        role,
        channel: sandbox.channel,
        backend: sandbox.driver,
      });
      await firstWord(guest, sandbox);
      ground.ledger.append({
        kind: "sandbox.started",
        actor: { kind: "cycle", name: "cycle" },
        cycle,
        payload: { sandbox: sandbox.name, driver: driver.kind, isolation: driver.isolation, role },
      });
      const end = () => ground.stepper.inSandbox(() => sandbox.end());
      return { role, sandbox, guest, end, [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose]() };
    } catch (thrown) {
      await sandbox.end();
      throw thrown;
    }
  });
}

/** The other end of its channel: a session that the gateway keeps open would still answer whoever holds the stream. */
function gatewayLook(gateway: Gateway, name: string): Look {
  const what = "open streams in the gateway";
  if (gateway.holds(name)) return { what, status: "left", evidence: "its session is open" };
  return { what, status: "clean", evidence: "none" };
}

/** Throws, with what the first process said on standard error, when it ends or stays silent. */
async function firstWord(guest: Guest, sandbox: Provisioned): Promise<void> {
  const late = AbortSignal.timeout(HELLO_TIMEOUT_MS);
  const silent = new Promise<never>((_resolve, reject) => {
    late.addEventListener("abort", () => reject(new Error("its first process did not speak in time")), {
      once: true,
    });
  });
  try {
    await Promise.race([guest.hello, silent]);
  } catch (thrown) {
    const said = oneLine(sandbox.stderrTail(), 400);
    throw new GuestFailed(
      `${sandbox.name} did not start: ${messageOf(thrown)}${said === "" ? "" : `; it said: ${said}`}`,
      {
        cause: thrown,
      },
    );
  }
}

/** Throws OperatorError when that driver is not ready here. */
export function driverOf(ground: Ground, kind: string): Driver {
  const driver = ground.drivers.find((candidate) => candidate.kind === kind);
  if (driver !== undefined) return driver;
  throw new OperatorError(`${kind} is not ready on this machine`, "run weakdoor doctor to see what is");
}

/** Strongest isolation first; among equals the one without a daemon, which is one thing less that can hang. */
function strongestFirst(drivers: readonly Driver[]): Driver[] {
  const rank = (driver: Driver) =>
    ISOLATIONS.indexOf(driver.isolation) * 2 + (driver.kind.startsWith("docker") ? 0 : 1);
  return [...drivers].sort((a, b) => rank(b) - rank(a));
}
