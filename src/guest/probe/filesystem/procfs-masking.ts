import type { Check, Context, Row } from "../probe.ts";
import { absent, CONTROL, denied, isAbsence, mechanism, notMeasured, reachable } from "../row.ts";

/** What runtimes hide by default (moby oci/defaults.go, MaskedPaths). */
const PLACES = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
] as const;

export const procfsMasking: Check = {
  id: "procfs-masking",
  category: "filesystem",
  why: "These tables show the host's memory, keys, timers and hardware to whoever can read them.",
  misses: "New kernel tables that no list names yet.",
  source: "moby oci/defaults.go MaskedPaths; Kubernetes procMount",
  async run(context) {
    return { rows: await Promise.all(PLACES.map((path) => ask(context, path))) };
  },
};

async function ask(context: Context, path: string): Promise<Row> {
  const id = `procfs-masking:${path}`;
  if (path.startsWith("/proc/") && context.facts.status === undefined)
    return notMeasured(id, path, "/proc is hidden, or is not the kernel's own");
  const thing = await context.ground.stat(path);
  if (thing.status === "refused") {
    if (isAbsence(thing.errno)) return absent(id, path, "this kernel has no such table");
    return denied(id, path, CONTROL.read, mechanism(thing.errno), path);
  }
  if (thing.value.kind === "character" || isCovered(context, path)) {
    return denied(id, path, CONTROL.read, "masked: something is mounted over it", path);
  }
  if (context.facts.boundary === "gvisor") {
    return denied(id, path, CONTROL.read, "answered by gVisor's kernel, not the host's", path);
  }
  const readable = await context.ground.access(path, "read");
  if (readable.status === "refused") return denied(id, path, CONTROL.read, mechanism(readable.errno), path);
  return reachable(id, path, [thing.value.kind === "directory" ? "list" : "read"], "not masked; not opened", path);
}

/** An empty tmpfs over it is how a directory is masked; a read-only remount of itself is not. */
function isCovered({ facts }: Context, path: string): boolean {
  return (facts.mounts ?? []).some((mount) => mount.path === path && mount.fsType === "tmpfs");
}
