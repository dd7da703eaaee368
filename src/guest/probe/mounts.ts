/** One line of /proc/self/mountinfo, see proc_pid_mountinfo(5). */
export type MountLine = {
  /** The directory of the source file system that is mounted; `/` when it is the whole of it. */
  root: string;
  path: string;
  fsType: string;
  isReadOnly: boolean;
  flags: string[];
  propagation: "shared" | "slave" | "private";
  /** Options of the file system itself; they hold host paths and are never printed. */
  superOptions: string;
};

/** File systems made by a kernel, not kept on a disk of the host. */
const MADE_BY_KERNEL = new Set(
  (
    "proc sysfs tmpfs devtmpfs devpts mqueue cgroup cgroup2 securityfs debugfs tracefs bpf pstore hugetlbfs configfs " +
    "efivarfs autofs binfmt_misc fusectl nsfs ramfs selinuxfs rpc_pipefs cgroupfs"
  ).split(" "),
);

/** Lines that do not have the documented shape are left out. */
export function parseMountinfo(text: string): MountLine[] {
  const mounts: MountLine[] = [];
  for (const line of text.split("\n")) {
    const [left, right] = line.split(" - ", 2);
    const fields = left?.split(/\s+/) ?? [];
    const [, , , root, path, options, ...tags] = fields;
    const [fsType, , superOptions] = right?.split(" ") ?? [];
    if (root === undefined || path === undefined || options === undefined || fsType === undefined) continue;
    const flags = options.split(",");
    mounts.push({
      root: unescape(root),
      path: unescape(path),
      fsType,
      isReadOnly: flags.includes("ro") || (superOptions ?? "").split(",").includes("ro"),
      flags: flags.filter((flag) => flag === "nosuid" || flag === "nodev" || flag === "noexec"),
      propagation: tags.some((tag) => tag.startsWith("shared:"))
        ? "shared"
        : tags.some((tag) => tag.startsWith("master:"))
          ? "slave"
          : "private",
      superOptions: superOptions ?? "",
    });
  }
  return mounts;
}

/** Only the topmost mount at each path, in order of path. */
export function visible(mounts: readonly MountLine[]): MountLine[] {
  const top = new Map(mounts.map((mount) => [mount.path, mount]));
  return [...top.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The mount a path lies on, or undefined when the table could not be read. */
export function mountOf(mounts: readonly MountLine[], path: string): MountLine | undefined {
  let best: MountLine | undefined;
  for (const mount of mounts) {
    const isOver = mount.path === "/" || path === mount.path || path.startsWith(`${mount.path}/`);
    if (isOver && (best === undefined || mount.path.length >= best.path.length)) best = mount;
  }
  return best;
}

/** True when what lies there comes from outside and stays after the sandbox ends. */
export function isHostBacked(mount: MountLine): boolean {
  if (mount.fsType === "tmpfs") return mount.root !== "/";
  return !MADE_BY_KERNEL.has(mount.fsType);
}

/** The kernel writes space, tab, newline and backslash as octal. */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
