import type { SyscallBoundary } from "../observation.ts";
import { nameBoundary, nameRuntime } from "./boundary.ts";
import type { Ground } from "./ground.ts";
import { isLandlocked } from "./landlock.ts";
import { type MountLine, parseMountinfo } from "./mounts.ts";
import type { ProbeRequest } from "./request.ts";
import { silentMounts } from "./silent.ts";

/** What many checks need, read once, before any of them. An absent table is `undefined`, never an empty one. */
export type Facts = {
  boundary: SyscallBoundary;
  runtime: string;
  /** True when Landlock, or a module like it that shows no label, refuses what permissions grant (landlock.ts). */
  isLandlocked: boolean;
  /** Mounts that do not answer, and of which nothing more is asked (silent.ts). */
  silentMounts: readonly string[];
  /** True when the mount of /proc hides other users' processes (proc(5), hidepid). */
  hidesProcesses: boolean;
  /** /proc/self/status by key. */
  status: ReadonlyMap<string, string> | undefined;
  /** /proc/self/mountinfo in the kernel's order. */
  mounts: readonly MountLine[] | undefined;
  /** Inode of each namespace of this process by kind, digits. */
  namespaces: Readonly<Record<string, string>>;
  /** True when the kernel that answers is gVisor's or a microVM's own and not the host's. */
  isOwnKernel: boolean;
  /** Absolute; undefined when neither the request nor the environment names one. */
  home: string | undefined;
  workspace: string | undefined;
};

export const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] as const;
export type NamespaceKind = (typeof NAMESPACES)[number];

export async function gatherFacts(
  ground: Ground,
  request: ProbeRequest,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Facts> {
  const status = await ground.table("/proc/self/status");
  const mountinfo = await ground.table("/proc/self/mountinfo");
  const statusMap = status.status === "answered" ? parseStatus(status.value) : undefined;
  const parsed = mountinfo.status === "answered" ? parseMountinfo(mountinfo.value) : [];
  // Every process stands on a mount: a table that shows none is hidden, or lies.
  const mounts = parsed.length > 0 ? parsed : undefined;
  const namespaces = await readNamespaces(ground);
  const bootId = await ground.table("/proc/sys/kernel/random/boot_id");
  const version = await ground.table("/proc/version");
  const commandLine = await ground.table("/proc/cmdline", 4_096);
  const label = await ground.table("/proc/self/attr/current", 512);
  const isLabelled = label.status === "answered" && isConfiningLabel(label.value);
  const isClosed = !isLabelled && (await isLandlocked(ground));
  const boundary = nameBoundary({
    status: statusMap,
    mounts,
    namespaces,
    request,
    bootId: bootId.status === "answered" ? bootId.value.trim() : undefined,
    version: version.status === "answered" ? version.value : undefined,
    isLandlocked: isClosed,
    commandLine: commandLine.status === "answered" ? commandLine.value : undefined,
  });
  return {
    boundary,
    runtime: await nameRuntime(ground, boundary, environment),
    isLandlocked: isClosed,
    silentMounts: boundary === "gvisor" ? [] : await silentMounts(ground, mounts ?? []),
    hidesProcesses: (mounts ?? []).some((mount) => mount.path === "/proc" && HIDING.test(mount.superOptions)),
    status: statusMap,
    mounts,
    namespaces,
    isOwnKernel: boundary === "gvisor" || boundary === "microvm",
    home: request.home ?? absolute(environment["HOME"]),
    workspace: request.workspace,
  };
}

/** Numbers until Linux 5.8, names since. */
const HIDING = /(?:^|,)hidepid=(?:[124]|noaccess|invisible|ptraceable)(?:,|$)/;

/** Of /proc/self/attr/current: the name of a policy, and not that there is none (apparmor(7), SELinux's unconfined domains). */
export function isConfiningLabel(label: string): boolean {
  const name = label.replaceAll("\0", "").trim();
  return name !== "" && !/^unconfined\b|:unconfined_t:/.test(name);
}

export function parseStatus(text: string): Map<string, string> {
  const map = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) map.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return map;
}

async function readNamespaces(ground: Ground): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const kind of NAMESPACES) {
    const link = await ground.link(`/proc/self/ns/${kind}`);
    const inode = link.status === "answered" ? /\[(\d+)\]/.exec(link.value)?.[1] : undefined;
    if (inode !== undefined) found[kind] = inode;
  }
  return found;
}

function absolute(path: string | undefined): string | undefined {
  return path?.startsWith("/") === true ? path : undefined;
}
