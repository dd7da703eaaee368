import { version as unameVersion } from "node:os";
import type { SyscallBoundary } from "../observation.ts";
import type { Ground } from "./ground.ts";
import type { MountLine } from "./mounts.ts";
import type { ProbeRequest } from "./request.ts";

/**
 * Inodes of the initial namespaces, fixed in the kernel (include/linux/proc_ns.h). Without the host's own word they tell
 * whether a namespace is the initial one; `net` and `mnt` have none on most kernels.
 */
export const INITIAL_NAMESPACES: Readonly<Record<string, string>> = {
  ipc: "4026531839",
  uts: "4026531838",
  user: "4026531837",
  pid: "4026531836",
  cgroup: "4026531835",
  time: "4026531834",
};

/** The build that gVisor's kernel claims, always (pkg/sentry/syscalls/linux/linux64.go); and an option of its own mounts. */
const GVISOR_BUILD = "#1 SMP Sun Jan 10 15:06:54 PST 2016";
const GVISOR_MOUNT_OPTION = "dentry_cache_limit=";

/** How Kata's guest kernel is started (kata-env, Kernel.Parameters); no machine of anybody else's is. */
const KATA = /\bsystemd\.unit=kata-containers\.target\b/;

type Signs = {
  status: ReadonlyMap<string, string> | undefined;
  mounts: readonly MountLine[] | undefined;
  namespaces: Readonly<Record<string, string>>;
  request: ProbeRequest;
  bootId: string | undefined;
  version: string | undefined;
  isLandlocked: boolean;
  /** Of the kernel's own start, /proc/cmdline. */
  commandLine: string | undefined;
};

/** Named before anything else is read, strongest sign first. `unknown` when the kernel's tables are hidden. */
export function nameBoundary(signs: Signs): SyscallBoundary {
  const isGvisor =
    (signs.version ?? unameVersion()).includes(GVISOR_BUILD) ||
    (signs.mounts ?? []).some((mount) => mount.superOptions.includes(GVISOR_MOUNT_OPTION));
  if (isGvisor) return "gvisor";
  if (KATA.test(signs.commandLine ?? "")) return "microvm";
  const hostBootId = signs.request.host.bootId;
  if (hostBootId !== undefined && signs.bootId !== undefined && hostBootId !== signs.bootId) return "microvm";
  if (signs.status === undefined) return "unknown";
  if (signs.status.get("Seccomp") === "2") return "seccomp";
  if (signs.isLandlocked) return "landlock";
  const isApart = Object.entries(signs.namespaces).some(([kind, inode]) => {
    const host = signs.request.host.namespaces[kind] ?? INITIAL_NAMESPACES[kind];
    return host !== undefined && host !== inode;
  });
  return isApart ? "namespaces" : "none";
}

/** Which product made the sandbox, by what it leaves lying about. `unknown` is an answer: a scratch image tells nothing. */
export async function nameRuntime(
  ground: Ground,
  boundary: SyscallBoundary,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  if (boundary === "gvisor" || boundary === "none") return boundary;
  if (boundary === "microvm") return nameMonitor(ground);
  // Set by the tool for whatever it starts (@anthropic-ai/sandbox-runtime).
  if (environment["SANDBOX_RUNTIME"] === "1") return "srt";
  const init = await ground.table("/proc/1/comm", 64);
  const name = init.status === "answered" ? init.value.trim() : "";
  if (name === "bwrap") return "bubblewrap";
  if (await isThere(ground, "/run/.containerenv")) return "podman";
  if (await isThere(ground, "/.dockerenv")) return "docker";
  if (environment["KUBERNETES_SERVICE_HOST"] !== undefined) return "kubernetes";
  if (environment["container"] !== undefined) return "container";
  return "unknown";
}

/** By what the machine that was made for the sandbox calls itself. */
async function nameMonitor(ground: Ground): Promise<string> {
  const commandLine = await ground.table("/proc/cmdline", 4_096);
  if (commandLine.status === "answered" && KATA.test(commandLine.value)) return "kata";
  const vendor = await ground.table("/sys/class/dmi/id/sys_vendor", 64);
  const name = vendor.status === "answered" ? vendor.value.trim() : "";
  if (name === "QEMU") return "qemu";
  if (name === "Cloud Hypervisor") return "cloud-hypervisor";
  if (name !== "" || commandLine.status === "refused") return "microvm";
  // It has no such table, and starts a kernel without a bus to look for (Firecracker, docs/getting-started.md, boot_args).
  return /\bpci=off\b/.test(commandLine.value) ? "firecracker" : "microvm";
}

async function isThere(ground: Ground, path: string): Promise<boolean> {
  return (await ground.lstat(path)).status === "answered";
}
