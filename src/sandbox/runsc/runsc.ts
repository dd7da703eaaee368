import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "../../base/clock.ts";
import { OperatorError } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";
import { GUEST_DIR } from "../../guest/wire.ts";
import { type Cgroups, cgroupsOf, findCgroups } from "../cgroup.ts";
import {
  claim,
  destroyLocal,
  type Local,
  listLocal,
  lookLocal,
  type Place,
  sandboxOf,
  startLinked,
  tailOf,
  within,
} from "../local.ts";
import { type Lookout, openLookout } from "../lookout.ts";
import { makeOwnRoot, type OwnRoot } from "../ownRoot.ts";
import type { Availability, Driver, Sandbox, SandboxSpec } from "../sandbox.ts";
import { bundleConfig } from "./bundle.ts";
import { withInterface } from "./interface.ts";
import { offeredPlatforms, type Platform, runscVersion } from "./platform.ts";

/**
 * gVisor without a daemon: runsc runs a bundle of ours in the foreground, so its standard streams are the guest's. The
 * guest's system calls reach a kernel written in Go, not the host's. It works for root and for anyone who may make user
 * namespaces.
 */
export function runscDriver(options: {
  runDirectory: string;
  program?: string;
  cgroups?: Cgroups;
  lookout?: Lookout;
}): Driver {
  const { runDirectory, lookout = openLookout() } = options;
  const cgroups = options.cgroups ?? findCgroups("runsc");
  const local: Local = { kind: "runsc", isolation: "gvisor", runDirectory, cgroups, lookout };
  const program = options.program ?? "runsc";
  let found: Platform | undefined;
  return {
    kind: "runsc",
    isolation: "gvisor",
    cannot: limitsOf(cgroups),
    check: (signal) => check(program, signal),
    async create(spec, signal) {
      signal.throwIfAborted();
      const place = claim(local, { ...spec, limits: { ...spec.limits, pids: Math.max(spec.limits.pids, PIDS_MIN) } });
      try {
        const root = await makeOwnRoot(spec, join(place.directory, "root"), signal);
        found ??= await bootingPlatform({ program, spec, place, root }, signal);
        return await create(local, { program, platform: found, spec, place, root }, signal);
      } catch (thrown) {
        await destroyLocal(local, spec.name);
        throw signal.aborted ? signal.reason : thrown;
      }
    },
    hints: (name) => ({ cgroups: cgroupsOf(cgroups, name), commandLine: name }),
    list: () => Promise.resolve(listLocal(local, "runsc")),
    destroy: (name) => destroyLocal(local, name),
    look: (name) => lookLocal(local, name),
    lookout,
  };
}

/** gVisor's own threads count: fewer and it kills its sandbox before that has begun (64 did, 1024 do, measured). */
const PIDS_MIN = 1024;

function limitsOf(cgroups: Cgroups): { what: string; why: string }[] {
  const always = [
    { what: "show no_new_privs", why: "builds of before 2024 do not tell it in /proc" },
    { what: "filter system calls inside", why: "gVisor's own kernel stands in its place" },
    { what: "shield process 1 from inside", why: "gVisor lets a signal from inside end or stop it" },
    { what: "limit pids", why: `gVisor's own threads count, so it is never under ${PIDS_MIN}` },
    { what: "pass unix sockets in", why: "gVisor opens none of the host's" },
  ];
  if (process.getuid?.() !== 0)
    always.push({
      what: "write to mounts as any user",
      why: "without root gVisor maps one user: what is mounted is root's inside, and only root's",
    });
  if (cgroups.status === "usable") return always;
  const why = cgroups.reason;
  return [...always, { what: "limit memory", why }, { what: "limit cpus", why }];
}

async function check(program: string, signal: AbortSignal): Promise<Availability> {
  const hint = "apt-get install -y runsc";
  const version = await runscVersion(program, signal);
  if (version === undefined) return { status: "missing", reason: `${program} is not installed`, hint };
  return { status: "ready", version };
}

type Plan = { program: string; spec: SandboxSpec; place: Place; root: OwnRoot };

const TRIAL_MS = 5_000;

/** The first platform that boots something; the last is not tried, since the sandbox itself will tell. */
async function bootingPlatform(plan: Plan, signal: AbortSignal): Promise<Platform> {
  const { program, spec, place } = plan;
  const offered = await offeredPlatforms(program, signal);
  for (const platform of offered.slice(0, -1)) {
    const id = `${spec.name}.trial`;
    const bundle = writeBundle(join(place.directory, `trial-${platform}`), plan, {
      argv: [`${GUEST_DIR}/busybox`, "true"],
    });
    const argv = within(place.cgroups, spec.name, [...runscArgv(plan, platform), "run", "--bundle", bundle, id]);
    const { code } = await exec(argv, { signal, timeoutMs: TRIAL_MS });
    if (code === 0) return platform;
  }
  const last = offered.at(-1);
  if (last !== undefined) return last;
  throw new OperatorError(`${program} offers neither systrap nor ptrace`, "install another build of gVisor");
}

async function create(local: Local, plan: Plan & { platform: Platform }, signal: AbortSignal): Promise<Sandbox> {
  const { spec, place } = plan;
  const own = spec.interface;
  const bundle = writeBundle(join(place.directory, "bundle"), plan, { isJoinable: own !== undefined });
  const pidFile = join(place.directory, "pid");
  // runsc takes its sandbox with it when it dies; this makes runsc die with us.
  const run = [
    ...runscArgv(plan, plan.platform, own === undefined ? "none" : "sandbox"),
    "run",
    `--bundle=${bundle}`,
    `--pid-file=${pidFile}`,
    spec.name,
  ];
  const argv = ["setpriv", "--pdeathsig=KILL", "--", ...(own === undefined ? run : withInterface(own, run))];
  const linked = await startLinked(within(place.cgroups, spec.name, argv));
  const { child, channel } = linked;
  const said = tailOf(child.stderr);
  try {
    const pid = await pidFrom(pidFile, () => child.exitCode !== null || child.signalCode !== null, signal);
    if (pid !== undefined) return sandboxOf(local, spec, linked, pid, () => destroyLocal(local, spec.name));
    throw new OperatorError(
      `runsc did not start ${spec.name}: ${said().trim().slice(-500)}`,
      "see runsc's own requirements: user namespaces, ptrace",
    );
  } catch (thrown) {
    channel.destroy();
    throw thrown;
  }
}

/** State, log and sockets of each sandbox lie in its own directory, so that two know nothing of each other. */
function runscArgv({ program, place }: Plan, platform: Platform, network: "none" | "sandbox" = "none"): string[] {
  const isRoot = process.getuid?.() === 0;
  return [
    program,
    `--root=${join(place.directory, "state")}`,
    `--platform=${platform}`,
    `--network=${network}`,
    // Our own control groups hold all of runsc, which its own would not.
    "--ignore-cgroups",
    ...(isRoot ? [] : ["--rootless"]),
  ];
}

function writeBundle(directory: string, { spec, root }: Plan, how: Parameters<typeof bundleConfig>[2] = {}): string {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "config.json"), JSON.stringify(bundleConfig(spec, root, how)));
  return directory;
}

const PID_POLL_MS = 5;

/** Host pid of the sandbox process; undefined when runsc ended before it wrote one. */
async function pidFrom(path: string, hasEnded: () => boolean, signal: AbortSignal): Promise<number | undefined> {
  for (;;) {
    const text = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
    if (text !== "") return Number(text);
    if (hasEnded()) return undefined;
    await sleep(PID_POLL_MS, undefined, { signal });
  }
}
