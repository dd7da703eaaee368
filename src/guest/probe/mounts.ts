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

/** The mounts that a path can still lead to, in the kernel's order. Lines that do not have the documented shape are left out. */
export function parseMountinfo(text: string): MountLine[] {
  const lines: Numbered[] = [];
  for (const line of text.split("\n")) {
    const [left, right] = line.split(" - ", 2);
    const fields = left?.split(/\s+/) ?? [];
    const [id, parent, , root, path, options, ...tags] = fields;
    const [fsType, , superOptions] = right?.split(" ") ?? [];
    if (
      id === undefined ||
      parent === undefined ||
      root === undefined ||
      path === undefined ||
      options === undefined ||
      fsType === undefined
    )
      continue;
    const flags = options.split(",");
    const mount: MountLine = {
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
    };
    lines.push({ id, parent, mount });
  }
  return lines.filter((line) => !isCovered(line, lines) && !isUnreachable(line, lines, 0)).map((line) => line.mount);
}

/**
 * The table also lists what a later mount hides; believing such a line would call a file read-only that is not. `id` and
 * `parent` tell: a mount lies on its parent.
 */
type Numbered = { id: string; parent: string; mount: MountLine };

/** Another mount lies on top of this one. */
function isCovered(line: Numbered, lines: readonly Numbered[]): boolean {
  return lines.some(
    (other) => other.parent === line.id && other.id !== line.id && other.mount.path === line.mount.path,
  );
}

/** Another mount of the same parent lies on a directory above this one, or the parent cannot be reached itself. */
function isUnreachable(line: Numbered, lines: readonly Numbered[], depth: number): boolean {
  // gVisor's root is its own parent. A table that goes in circles is not the kernel's.
  if (line.id === line.parent || depth > lines.length) return false;
  const siblings = lines.filter((other) => other.parent === line.parent && other.id !== other.parent);
  if (siblings.some((other) => other.mount.path !== line.mount.path && isUnder(line.mount.path, other.mount.path)))
    return true;
  const parent = lines.find((other) => other.id === line.parent);
  return parent !== undefined && isUnreachable(parent, lines, depth + 1);
}

function isUnder(path: string, directory: string): boolean {
  return directory === "/" || path === directory || path.startsWith(`${directory}/`);
}

/** In order of path, one each. */
export function byPath(mounts: readonly MountLine[]): MountLine[] {
  const top = new Map(mounts.map((mount) => [mount.path, mount]));
  return [...top.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The mount a path lies on, or undefined when the table could not be read. */
export function mountOf(mounts: readonly MountLine[], path: string): MountLine | undefined {
  let best: MountLine | undefined;
  for (const mount of mounts) {
    if (isUnder(path, mount.path) && (best === undefined || mount.path.length >= best.path.length)) best = mount;
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
