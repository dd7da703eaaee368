import { appendFile, copyFile, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { OperatorError } from "../../base/errors.ts";
import { GUEST_DIR } from "../../guest/wire.ts";
import { type Place, within } from "../local.ts";
import { makeOwnRoot, type OwnRoot } from "../ownRoot.ts";
import type { Isolation, SandboxSpec } from "../sandbox.ts";
import { strictFilter } from "../seccomp.ts";
import { hostTscKhz, keepTrial, kvmGroup, readTrial, trialKey } from "./accelerator.ts";
import { type Accelerator, MACHINE_OVERHEAD_MIB, machineArgv } from "./arguments.ts";
import { type Boot, bootMachine, type Standing } from "./boot.ts";
import { filteredLoader } from "./filtered.ts";
import { MOUNTS_TAG, type MountedAt, ROOT_TAG, scriptsOf } from "./init.ts";
import { scriptsPart, writeInitramfs } from "./initramfs.ts";
import type { Parts } from "./parts.ts";
import { shareDirectory } from "./share.ts";
import { machineWall, rootPlaces, type Share } from "./walls.ts";

/** One machine: its first file system, its daemons and its emulator, on KVM where that boots. */
export type Machines = {
  /** For what is made once. */
  cacheDirectory: string;
  /** Where it is kept whether KVM boots. */
  trialPath: string;
};

type Order = { parts: Parts; spec: SandboxSpec; place: Place };

/** Throws OperatorError when it does not boot, and the signal's reason. What it started bears the sandbox's name. */
export async function startMachine(
  machines: Machines,
  order: Order,
  signal: AbortSignal,
): Promise<Standing & { isolation: Isolation }> {
  const plan = await planned(machines, order, signal);
  const { trialPath } = machines;
  const key = trialKey(order.parts.qemu, order.parts.kernel);
  const group = kvmGroup();
  const trial = group === undefined ? { kvm: "fails" as const } : readTrial(trialPath, key);
  if (group !== undefined && trial?.kvm !== "fails") {
    const boot = await bootOn({ kind: "kvm" }, plan, { group, deadlineMs: KVM_DEADLINE_MS }, signal);
    if (boot.status === "failed" && trial?.kvm === "boots") throw notBooted(plan, boot);
    keepTrial(trialPath, key, boot.status === "stands" ? { kvm: "boots" } : { kvm: "fails", reason: boot.reason });
    if (boot.status === "stands") return { ...boot, isolation: "microvm" };
  }
  const emulation: Accelerator = { kind: "emulation", tscKhz: hostTscKhz() };
  const boot = await bootOn(emulation, plan, { group: undefined, deadlineMs: EMULATION_DEADLINE_MS }, signal);
  if (boot.status === "failed") throw notBooted(plan, boot);
  return { ...boot, isolation: "container" };
}

/** Around QEMU and its daemons on the host; the guest's own limits are set inside. */
export function hostLimits(spec: SandboxSpec): SandboxSpec["limits"] {
  return { memoryMiB: machineMiB(spec) + MACHINE_OVERHEAD_MIB, cpus: spec.limits.cpus, pids: HOST_PIDS };
}

/** QEMU's threads and those of a daemon's pool. */
const HOST_PIDS = 512;

/** What the machine needs beside what the spec gives the sandbox: 80 for its kernel, 128 for the pages of Node. */
const OWN_MIB = 208;

function machineMiB({ limits }: SandboxSpec): number {
  return Math.ceil(limits.memoryMiB) + OWN_MIB;
}

/** A machine on KVM that works stands in well under a second; one that does not never does. */
const KVM_DEADLINE_MS = 5_000;
const EMULATION_DEADLINE_MS = 60_000;

function notBooted({ spec }: Plan, { reason }: Extract<Boot, { status: "failed" }>): OperatorError {
  return new OperatorError(
    `the machine of ${spec.name} did not boot: ${reason}`,
    "weakdoor doctor tells what boots here",
  );
}

type Plan = Order & { root: OwnRoot; binds: readonly MountedAt[]; initramfs: string; door: string };

async function planned({ cacheDirectory }: Machines, order: Order, signal: AbortSignal): Promise<Plan> {
  const { spec, place, parts } = order;
  const root = await makeOwnRoot(spec, join(place.directory, "root"), signal);
  for (const always of ["proc", "sys", "dev", "tmp"]) await mkdir(join(root.path, always), { recursive: true });
  const mounts = await Promise.all(root.mounts.filter((mount) => mount.path !== GUEST_DIR).map(at));
  const initramfs = join(place.directory, "initramfs");
  await copyFile(
    await writeInitramfs({ cacheDirectory, kernel: parts.kernel, busybox: join(spec.guest, "busybox") }),
    initramfs,
  );
  const loader = spec.confinement.seccomp === "none" ? undefined : filteredLoader(strictFilter());
  await appendFile(initramfs, scriptsPart(scriptsOf(spec, mounts), loader));
  const door = join(place.directory, "door");
  await mkdir(door, { mode: 0o755 });
  signal.throwIfAborted();
  return { ...order, root, binds: mounts.filter(({ mount }) => mount.kind === "bind"), initramfs, door };
}

async function at(mount: MountedAt["mount"]): Promise<MountedAt> {
  return { mount, isDirectory: mount.kind === "tmpfs" || (await stat(mount.source)).isDirectory() };
}

async function bootOn(
  accelerator: Accelerator,
  plan: Plan,
  { group, deadlineMs }: { group: number | undefined; deadlineMs: number },
  signal: AbortSignal,
): Promise<Boot> {
  const { parts, spec, place, door, initramfs } = plan;
  const shares = await openShares(plan, accelerator.kind, signal);
  const argv = machineArgv({
    program: parts.qemu,
    name: spec.name,
    accelerator,
    memoryMiB: machineMiB(spec),
    processors: Math.max(1, Math.ceil(spec.limits.cpus)),
    shares,
  });
  const wall = { kernel: parts.kernel.image, initramfs, door, kvmGroup: group };
  const walled = machineWall(wall, argv, { isRoot: process.getuid?.() === 0 });
  return bootMachine(within(place.cgroups, spec.name, walled), deadlineMs, signal);
}

/** Each machine has daemons of its own: they end with it. */
async function openShares(plan: Plan, attempt: string, signal: AbortSignal): Promise<Share[]> {
  const { parts, spec, place, root, binds, door } = plan;
  const common = { program: parts.daemon, name: spec.name, attempt, door, cgroups: place.cgroups };
  const { readOnlyRoot } = spec.confinement;
  const wanted = [{ tag: ROOT_TAG, places: rootPlaces(root, spec.guest, readOnlyRoot), isStill: true }];
  const places = binds.flatMap(({ mount }, i) =>
    mount.kind === "bind" ? [{ source: mount.source, path: `/${i}`, mode: mount.mode }] : [],
  );
  if (places.length > 0) wanted.push({ tag: MOUNTS_TAG, places, isStill: false });
  return Promise.all(wanted.map((one) => shareDirectory({ ...common, ...one }, signal)));
}
