import { existsSync } from "node:fs";
import { GUEST_DIR } from "../../guest/wire.ts";
import type { OwnRoot } from "../ownRoot.ts";

/**
 * The walls around what runs on the host for a machine: the emulator, and the daemon that shares directories with it. Both
 * are C that takes what the guest sends, and QEMU's own policy promises isolation by KVM alone (QEMU documentation, "Security",
 * non-virtualization use case). So each stands in namespaces of its own, without network, as nobody or without the rights it
 * has no use for, and sees of the host's files the system's libraries and what it must have.
 */
export type Rights = { isRoot: boolean };

/**
 * How they end with us: the kernel sends a child the signal it wished for only if its dying parent may signal it, and bwrap
 * without rights may not signal another user. So process 1 behind each wall is bwrap itself, the same user, and takes all
 * with it.
 */
const ENDS_WITH_US = "--die-with-parent";

/** The descriptor on which bwrap tells the pid of what it started. */
export const INFO_FD = 3;
/** The directory in which the emulator meets the daemons, inside both walls. */
const DOOR = "/door";
const NOBODY = 65_534;

export type Share = { tag: string; socket: string };

/** An argv that runs the daemon which shares `places` as one tree. `socket` is a name within the door. */
export function daemonArgv(
  options: { program: string; door: string; share: Share; places: readonly Place[]; isStill: boolean },
  { isRoot }: Rights,
): string[] {
  const { program, door, share, places, isStill } = options;
  return [
    ...wall(DAEMON_CAPABILITIES, isRoot ? [] : ["--unshare-user", "--uid", "0", "--gid", "0"]),
    "--proc",
    "/proc",
    "--bind",
    door,
    DOOR,
    ...places.flatMap(({ source, path, mode }) => [mode === "ro" ? "--ro-bind" : "--bind", source, SHARED + path]),
    "--",
    program,
    `--socket-path=${DOOR}/${share.socket}`,
    "-o",
    [
      `source=${SHARED}`,
      "sandbox=chroot",
      // What only the guest changes it may keep for ever; a mount is looked at again, since the host has it, too.
      `cache=${isStill ? "always" : "auto"}`,
      "modcaps=-mknod:-setfcap",
    ].join(","),
  ];
}

/** At `path` in the shared tree; "" is its root. */
export type Place = { source: string; path: string; mode: "ro" | "rw" };

const SHARED = "/shared";

/** To be any user that the guest names, whose files they are; not to make devices. Two of them only to drop the others. */
const DAEMON_CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_SYS_CHROOT",
];

export function rootPlaces(root: OwnRoot, guest: string, isReadOnly: boolean): Place[] {
  return [
    { source: root.path, path: "", mode: isReadOnly ? "ro" : "rw" },
    { source: guest, path: GUEST_DIR, mode: "ro" },
  ];
}

/** An argv that runs the emulator behind its wall. `kernel` and `initramfs` are paths of the host; inside they are KERNEL and INITRAMFS. */
export function machineWall(
  options: { kernel: string; initramfs: string; door: string; kvmGroup: number | undefined },
  argv: readonly string[],
  { isRoot }: Rights,
): string[] {
  const { kernel, initramfs, door, kvmGroup } = options;
  return [
    ...wall(isRoot ? ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"] : [], isRoot ? [] : ["--unshare-user"]),
    "--ro-bind",
    kernel,
    KERNEL,
    "--ro-bind",
    initramfs,
    INITRAMFS,
    "--bind",
    door,
    DOOR,
    ...(kvmGroup === undefined ? [] : ["--dev-bind", "/dev/kvm", "/dev/kvm"]),
    "--info-fd",
    String(INFO_FD),
    "--",
    ...asNobody(kvmGroup, isRoot),
    ...argv,
  ];
}

export const KERNEL = "/kernel";
export const INITRAMFS = "/initramfs";

export function doorPath({ socket }: Share): string {
  return `${DOOR}/${socket}`;
}

function asNobody(kvmGroup: number | undefined, isRoot: boolean): string[] {
  const user = isRoot
    ? [
        `--reuid=${NOBODY}`,
        `--regid=${NOBODY}`,
        kvmGroup === undefined || kvmGroup === 0 ? "--clear-groups" : `--groups=${kvmGroup}`,
        "--bounding-set=-all",
      ]
    : [];
  return ["setpriv", ...user, "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs", "--"];
}

/** Whose the door's sockets are to be, so that the emulator may speak to the daemons. */
export const MACHINE_UID = NOBODY;

function wall(capabilities: readonly string[], user: readonly string[]): string[] {
  return [
    "bwrap",
    ...user,
    "--unshare-ipc",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-uts",
    "--unshare-cgroup-try",
    ENDS_WITH_US,
    "--new-session",
    "--cap-drop",
    "ALL",
    ...capabilities.flatMap((capability) => ["--cap-add", capability]),
    "--ro-bind",
    "/usr",
    "/usr",
    ...["/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"]
      .filter((path) => existsSync(path))
      .flatMap((path) => ["--ro-bind", path, path]),
    "--dev",
    "/dev",
  ];
}
