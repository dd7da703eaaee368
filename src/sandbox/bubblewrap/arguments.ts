import { existsSync } from "node:fs";
import { carried, firstArgv } from "../../guest/argv.ts";
import { GUEST_DIR } from "../../guest/wire.ts";
import type { OwnRoot } from "../ownRoot.ts";
import type { Mount, SandboxSpec } from "../sandbox.ts";

/**
 * The bwrap command line for a spec (bwrap(1)). Two ways, by who we are. As root no user namespace is needed, and setpriv
 * inside turns into the wanted user before the guest's first instruction: in a user namespace made by root the guest would
 * be the host's root to every file, with only its capabilities gone. As anyone else, a user namespace maps the one user.
 */
export type Rights = {
  isRoot: boolean;
  /** Whether a path below /proc is there, asked of the kernel that bwrap will run on; of this machine's by default. */
  isThere?: (path: string) => boolean;
};

/** Descriptors the child gets: where bwrap reads the filter and where it writes the pid. */
export const FILTER_FD = 3;
export const INFO_FD = 4;

export function bwrapArgv(program: string, spec: SandboxSpec, root: OwnRoot, rights: Rights): string[] {
  const { confinement } = spec;
  const isThere = rights.isThere ?? existsSync;
  return [
    program,
    ...namespaces(spec, rights),
    "--die-with-parent",
    "--as-pid-1",
    "--new-session",
    "--hostname",
    "sandbox",
    ...capabilities(spec, rights),
    "--clearenv",
    ...Object.entries(spec.env).flatMap(([name, value]) => ["--setenv", name, value]),
    confinement.readOnlyRoot ? "--ro-bind" : "--bind",
    root.path,
    "/",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    ...(rights.isRoot ? READ_ONLY.filter(isThere).flatMap((path) => ["--ro-bind", path, path]) : []),
    ...masked(isThere),
    ...mountedAll(root.mounts),
    "--chdir",
    spec.cwd,
    ...(confinement.seccomp !== "none" ? ["--seccomp", String(FILTER_FD)] : []),
    "--info-fd",
    String(INFO_FD),
    "--",
    ...(rights.isRoot ? asUser(spec) : withLimits(spec)),
    ...firstArgv(spec.name),
  ];
}

const TMP_MIB = 256;

/** Settings of the whole machine, which its root may write without any capability (kernel/sysctl, test_perm). */
const READ_ONLY = ["/proc/sys", "/proc/sysrq-trigger", "/proc/fs"];

/** What a container engine masks too (moby oci/defaults.go): kernel memory, keys, timers and devices of the whole machine. */
const MASKED = {
  files: [
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/timer_stats",
  ],
  directories: ["/proc/acpi", "/proc/asound", "/proc/scsi"],
};

function masked(isThere: (path: string) => boolean): string[] {
  return [
    ...MASKED.files.filter(isThere).flatMap((path) => ["--ro-bind", "/dev/null", path]),
    ...MASKED.directories.filter(isThere).flatMap((path) => ["--tmpfs", path, "--remount-ro", path]),
  ];
}

export function namespaces({ uid, gid }: SandboxSpec, { isRoot }: Rights): string[] {
  const all = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"];
  return isRoot ? all : ["--unshare-user", "--uid", String(uid), "--gid", String(gid), ...all];
}

/** In a user namespace bwrap hands what it adds to whoever runs inside; an engine hands it to root alone, as setpriv does for us. */
function capabilities({ confinement, uid }: SandboxSpec, { isRoot }: Rights): string[] {
  const declared = isRoot || uid === 0 ? confinement.capabilities : [];
  const kept = [...declared, ...(isRoot ? ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"] : [])];
  return ["--cap-drop", "ALL", ...[...new Set(kept)].flatMap((name) => ["--cap-add", name])];
}

/** Becoming another user clears the wish to die with the parent (prctl(2), PR_SET_PDEATHSIG), so it is renewed. */
export function asUser({ uid, gid, confinement }: SandboxSpec): string[] {
  const kept = confinement.capabilities.map((name) => `+${name.replace(/^CAP_/, "").toLowerCase()}`);
  return [
    ...carried("setpriv"),
    `--reuid=${uid}`,
    `--regid=${gid}`,
    "--clear-groups",
    `--inh-caps=-all`,
    `--ambient-caps=-all`,
    `--bounding-set=${["-all", ...kept].join(",")}`,
    "--pdeathsig=KILL",
    "--",
  ];
}

/** Without control groups there is only a limit on the user's processes, which the namespace makes the sandbox's own. One on memory (RLIMIT_DATA) keeps Node from starting. */
export function withLimits({ name, limits }: SandboxSpec): string[] {
  const script = 'ulimit -c 0; ulimit -u "$1"; shift; exec "$@"';
  return [`${GUEST_DIR}/busybox`, "sh", "-c", script, name, String(limits.pids)];
}

/** The outer before the inner, and a /tmp whether or not one is asked for. */
export function mountedAll(mounts: readonly Mount[]): string[] {
  return [
    ...(mounts.some((mount) => mount.path === "/tmp") ? [] : tmpfs("/tmp", TMP_MIB)),
    ...mounts.toSorted((a, b) => a.path.length - b.path.length).flatMap((mount) => mounted(mount, mounts)),
  ];
}

function mounted(mount: Mount, all: readonly Mount[]): string[] {
  if (mount.kind === "tmpfs") return tmpfs(mount.path, mount.sizeMiB);
  return [...waysTo(mount, all), mount.mode === "ro" ? "--ro-bind" : "--bind", mount.source, mount.path];
}

/** In an empty file system bwrap makes the directories on the way itself, and closes them to all but root. */
function waysTo({ path }: Mount, all: readonly Mount[]): string[] {
  const around = all.filter((mount) => mount.kind === "tmpfs" && path.startsWith(`${mount.path}/`));
  const start = Math.max(-1, ...around.map((mount) => mount.path.length));
  if (start < 0) return [];
  const ends = [...path.matchAll(/\//g)].map(({ index }) => index).filter((index) => index > start);
  return ends.flatMap((end) => ["--perms", "0755", "--dir", path.slice(0, end)]);
}

function tmpfs(path: string, sizeMiB: number): string[] {
  return ["--perms", "1777", "--size", String(sizeMiB * 1024 * 1024), "--tmpfs", path];
}
