import { byPath, isHostBacked, type MountLine } from "../mounts.ts";
import { showPath } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, named, notMeasured, reachable } from "../row.ts";

export const hostMount: Check = {
  id: "host-mount",
  category: "filesystem",
  why: "A directory of the host inside the sandbox is readable there, and when writable changes the host.",
  misses:
    "A whole tmpfs of the host looks like a new one, and a partition mounted apart hides the first part of its path. " +
    "Under gVisor the source of a mount is not shown at all.",
  source: "CIS Docker Benchmark 1.6, 5.5; proc_pid_mountinfo(5)",
  async run(context) {
    const { mounts } = context.facts;
    if (mounts === undefined) {
      return { rows: [notMeasured("host-mount", "directories of the host", "/proc/self/mountinfo cannot be read")] };
    }
    const rows: Row[] = [];
    for (const line of byPath(mounts)) {
      if (isFromHost(line, context) && (await holdsFiles(line, context))) rows.push(await ask(context, line));
    }
    if (rows.length === 0) rows.push(absent("host-mount", "directories of the host", "no mount comes from the host"));
    return { rows };
  },
};

/** Files that container runtimes bind into every sandbox (moby daemon/container_operations_unix.go); the inventory shows them. */
const RUNTIME_FILES = new Set(["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"]);

/** The sandbox's own root is no host mount, unless it is the whole of a disk's file system: then it is the host's. */
function isFromHost(line: MountLine, { facts }: Context): boolean {
  if (!isHostBacked(line) || RUNTIME_FILES.has(line.path)) return false;
  if (line.path !== "/") return true;
  return line.root === "/" && line.fsType !== "overlay" && !facts.isOwnKernel;
}

/** A mounted socket is for the socket checks, and a device over a file is how runtimes mask it (moby, MaskedPaths). */
async function holdsFiles({ path }: MountLine, { ground }: Context): Promise<boolean> {
  const seen = await ground.lstat(path);
  return seen.status === "refused" || seen.value.kind === "directory" || seen.value.kind === "file";
}

async function ask(context: Context, line: MountLine): Promise<Row> {
  const shown = showPath(context, line.path);
  const id = `host-mount:${named(shown)}`;
  if (context.facts.silentMounts.includes(line.path)) return notMeasured(id, shown, "mounted, and does not answer");
  if (context.facts.isLandlocked && (await context.ground.list(line.path, 1)).status === "refused")
    return notMeasured(id, shown, "mounted; Landlock is in force and does not let it be listed");
  const isWritable = !line.isReadOnly && (await context.ground.access(line.path, "write")).status === "answered";
  const what = context.facts.isOwnKernel
    ? "a directory from outside, source not shown"
    : `by identity ${identity(line.root)}`;
  const detail = [what, line.isReadOnly ? "ro" : "rw", ...line.flags].join(", ");
  return reachable(id, shown, isWritable ? ["read", "write"] : ["read"], detail, line.path);
}

/** What the source is, from a fixed table: the path itself may be the owner's and is not repeated. */
function identity(root: string): string {
  if (root === "/") return "a whole file system";
  const known = KNOWN_ROOTS.find((name) => root === name || root.startsWith(`${name}/`));
  if (known === undefined) return "a directory or file of the host";
  return root === known ? `the host's ${known}` : `a part of the host's ${known}`;
}

const KNOWN_ROOTS = [
  "/etc",
  "/root",
  "/home",
  "/var/lib/docker",
  "/var/lib/containerd",
  "/var/lib/kubelet",
  "/var/log",
  "/var/run",
  "/run",
  "/boot",
  "/usr",
  "/dev",
  "/proc",
  "/sys",
  "/tmp",
  "/opt",
  "/srv",
  "/var",
];
