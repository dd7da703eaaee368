import { carried, firstArgv } from "../../guest/argv.ts";
import { GUEST_DIR } from "../../guest/wire.ts";
import type { Mount, SandboxSpec } from "../sandbox.ts";

/**
 * What the machine does from its first instruction on, as two shell scripts. `init` is process 1 of the machine: it loads
 * modules, mounts, sets limits, carries bytes between the channel and the sandbox, and turns the machine off when the
 * sandbox ends. `inside` becomes the sandbox: in namespaces of its own, because a machine has more to see and to touch
 * than the sandbox that is repeated in it, whose root must not be the machine's.
 */
export type Scripts = { init: string; inside: string };

/** Tags of the two shared directories: the root with the guest runtime, which only the guest changes; and the mounts, one below the other, by number. */
export const ROOT_TAG = "root";
export const MOUNTS_TAG = "mounts";

/** What `init` says on the second port once the machine stands. The host's ends open in order, so the channel's is open by then. */
export const READY = "ready";

/** `mounts` at the paths they have once links are followed; the n-th bind mount is n below MOUNTS_TAG. */
export function scriptsOf(spec: SandboxSpec, mounts: readonly MountedAt[]): Scripts {
  return { init: initOf(spec, mounts), inside: insideOf(spec, mounts) };
}

export type MountedAt = { mount: Mount; isDirectory: boolean };

/** Whatever it starts is in the group, and in namespaces of its own. */
const ENTER = "sh -c 'echo 0 >/cgroup/sandbox/cgroup.procs && exec unshare -m -p -i -u -f sh /inside'";

function initOf({ confinement, limits }: SandboxSpec, mounts: readonly MountedAt[]): string {
  const hasBinds = mounts.some(({ mount }) => mount.kind === "bind");
  return lines(
    "#!/bin/sh",
    "export PATH=/bin",
    'off() { [ $# -eq 0 ] || echo "weakdoor: cannot $*" >/dev/console; poweroff -f; }',
    "mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t devtmpfs dev /dev || off mount",
    'for m in /modules/*; do insmod "$m" || off load "$m"; done',
    `mount -t virtiofs -o ${confinement.readOnlyRoot ? "ro" : "rw"} ${ROOT_TAG} /root || off mount the root`,
    // Read as one file it comes far sooner than page by page as it runs, and its pages do not count as the sandbox's memory.
    `cat /root${GUEST_DIR}/node >/dev/null || off read the runtime`,
    ...(hasBinds ? [`mount -t virtiofs ${MOUNTS_TAG} /mounts || off mount the mounts`] : []),
    "ip link set lo up || off bring lo up",
    "hostname sandbox",
    "mount -t cgroup2 cgroup /cgroup && echo '+memory +pids' >/cgroup/cgroup.subtree_control || off limit",
    "mkdir /cgroup/sandbox && echo 1 >/cgroup/sandbox/memory.oom.group || off limit",
    `echo ${limits.memoryMiB * 1024 * 1024} >/cgroup/sandbox/memory.max || off limit memory`,
    `echo ${limits.pids} >/cgroup/sandbox/pids.max || off limit processes`,
    "until [ -c /dev/vport0p1 ] && [ -c /dev/vport0p2 ]; do sleep 0.01; done",
    // A read from a port whose other end is not open yet tells an end that is none; a write waits for it.
    `exec 4<>/dev/vport0p1; echo ${READY} >/dev/vport0p2 || off speak`,
    // By pipes: ports and console are devices of the machine, and the sandbox is to hold none of them.
    `{ cat <&4 4>&- | { ${ENTER} 2>&3 3>&- 4>&-; off; } | cat >&4; } 3>&1 | cat >/dev/console 4>&-`,
  );
}

/** In a mount namespace of its own, as process 1 of a process namespace. Every step that fails ends it, and with it the machine. */
function insideOf(spec: SandboxSpec, mounts: readonly MountedAt[]): string {
  const root = "/root";
  const tmp = { mount: { kind: "tmpfs", path: "/tmp", sizeMiB: TMP_MIB }, isDirectory: true } as const;
  const all = mounts.some(({ mount }) => mount.path === "/tmp") ? mounts : [tmp, ...mounts];
  const binds = mounts.filter(({ mount }) => mount.kind === "bind");
  const variables = Object.entries(spec.env).map(([name, value]) => quoted(`${name}=${value}`));
  const environment = [`${GUEST_DIR}/busybox`, "env", "-i", ...variables];
  return lines(
    "set -e",
    `mount -t proc -o nosuid,nodev,noexec proc ${root}/proc`,
    `mount -t sysfs -o ro,nosuid,nodev,noexec sysfs ${root}/sys`,
    ...READ_ONLY.map((path) => `[ ! -e ${root}${path} ] || { ${boundReadOnly(root + path, root + path)}; }`),
    ...HIDDEN_FILES.map((path) => `[ ! -e ${root}${path} ] || mount --bind /dev/null ${root}${path}`),
    ...HIDDEN_DIRECTORIES.map((path) => `[ ! -d ${root}${path} ] || mount -t tmpfs -o ro,size=0 none ${root}${path}`),
    ...devices(`${root}/dev`),
    ...all
      .toSorted((a, b) => a.mount.path.length - b.mount.path.length)
      .flatMap((one) => mounted(one, binds.indexOf(one), root)),
    `mount --bind ${root}${GUEST_DIR} ${root}${GUEST_DIR}`,
    `mount -o remount,bind,ro,nosuid,nodev ${root}${GUEST_DIR}`,
    ...(spec.confinement.seccomp === "none" ? [] : ["exec 5</filtered"]),
    `cd ${root}`,
    "mount --move . /",
    ["exec chroot .", ...environment, ...becoming(spec).map(quoted)].join(" "),
  );
}

const TMP_MIB = 256;

/** Settings of the whole machine, which its root may write without any capability (kernel/sysctl, test_perm). */
const READ_ONLY = ["/proc/sys", "/proc/sysrq-trigger", "/proc/fs"];

/** What a container engine hides too (moby oci/defaults.go). */
const HIDDEN_FILES = ["/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/timer_list"];
const HIDDEN_DIRECTORIES = ["/proc/acpi", "/proc/scsi"];

/** The devices that a container has, and none of the machine's. */
function devices(dev: string): string[] {
  const nodes = ["null 1 3", "zero 1 5", "full 1 7", "random 1 8", "urandom 1 9", "tty 5 0"].map((one) =>
    one.split(" "),
  );
  return [
    `mount -t tmpfs -o mode=755,nosuid,noexec,size=1m dev ${dev}`,
    ...nodes.map(([name, major, minor]) => `mknod -m 666 ${dev}/${name} c ${major} ${minor}`),
    ...["fd /proc/self/fd", "stdin /proc/self/fd/0", "stdout /proc/self/fd/1", "stderr /proc/self/fd/2"].map(
      (one) => {
        const [name, target] = one.split(" ");
        return `ln -s ${target} ${dev}/${name}`;
      },
    ),
    `mkdir ${dev}/pts ${dev}/shm`,
    `mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,nosuid,noexec devpts ${dev}/pts`,
    `ln -s pts/ptmx ${dev}/ptmx`,
    `mount -t tmpfs -o mode=1777,nosuid,nodev,size=64m shm ${dev}/shm`,
  ];
}

function mounted({ mount, isDirectory }: MountedAt, index: number, root: string): string[] {
  const place = quoted(root + mount.path);
  const within = quoted(root + mount.path.slice(0, Math.max(0, mount.path.lastIndexOf("/"))));
  // On the root it is there already; in a tmpfs that was mounted a line above it is not.
  const make = isDirectory
    ? `[ -d ${place} ] || mkdir -p ${place}`
    : `[ -e ${place} ] || { mkdir -p ${within}; touch ${place}; }`;
  if (mount.kind === "tmpfs")
    return [make, `mount -t tmpfs -o mode=1777,nosuid,nodev,size=${mount.sizeMiB}m tmpfs ${place}`];
  const source = `/mounts/${index}`;
  if (mount.mode === "ro") return [make, boundReadOnly(source, place)];
  return [make, `mount --bind ${source} ${place}`, `mount -o remount,bind,rw,nosuid,nodev ${place}`];
}

/** The host does not let anything be written there either: this only says so inside. */
function boundReadOnly(source: string, place: string): string {
  return `mount --bind ${source} ${place}; mount -o remount,bind,ro,nosuid,nodev ${place}`;
}

/** The filter is set before the rights that setting it takes are dropped. */
function becoming(spec: SandboxSpec): string[] {
  const { confinement, uid, gid, cwd, name } = spec;
  const kept = confinement.capabilities.map((capability) => `+${capability.replace(/^CAP_/, "").toLowerCase()}`);
  return [
    `${GUEST_DIR}/busybox`,
    "sh",
    "-c",
    'ulimit -c 0; ulimit -n 4096; cd "$1" || exit 125; shift; exec "$@"',
    "sh",
    cwd,
    ...(confinement.seccomp === "none" ? [] : ["/proc/self/fd/5"]),
    ...carried("setpriv"),
    `--reuid=${uid}`,
    `--regid=${gid}`,
    "--clear-groups",
    "--inh-caps=-all",
    "--ambient-caps=-all",
    `--bounding-set=${["-all", ...kept].join(",")}`,
    ...(confinement.noNewPrivileges ? ["--no-new-privs"] : []),
    "--",
    ...firstArgv(name),
  ];
}

/** One word of shell, whatever is in it. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function lines(...all: string[]): string {
  return `${all.join("\n")}\n`;
}
