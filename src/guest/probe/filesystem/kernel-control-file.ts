import { mountOf } from "../mounts.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, CONTROL, denied, isAbsence, mechanism, notMeasured, reachable } from "../row.ts";

const PLACES = [
  "/proc/sys/fs/binfmt_misc/register",
  "/proc/sys/kernel/core_pattern",
  "/proc/sys/kernel/hotplug",
  "/proc/sys/kernel/modprobe",
  "/proc/sys/kernel/panic_on_oops",
  "/proc/sys/vm/panic_on_oom",
  "/proc/sysrq-trigger",
  "/sys/kernel/uevent_helper",
  "/sys/kernel/vmcoreinfo",
] as const;

export const kernelControlFile: Check = {
  id: "kernel-control-file",
  category: "filesystem",
  why: "Whoever writes one of these makes the host's kernel start a program, or stops the host.",
  misses: "It asks for permission and the mount's flag only: a security module may still refuse the write itself.",
  source: "moby oci/defaults.go ReadonlyPaths; core(5)",
  async run(context) {
    return { rows: await Promise.all(PLACES.map((path) => ask(context, path))) };
  },
};

async function ask(context: Context, path: string): Promise<Row> {
  const id = `kernel-control-file:${path}`;
  if (path.startsWith("/proc/") && context.facts.status === undefined)
    return notMeasured(id, path, "/proc is hidden, or is not the kernel's own");
  const thing = await context.ground.stat(path);
  if (thing.status === "refused") {
    if (isAbsence(thing.errno)) return absent(id, path, "not there");
    return denied(id, path, CONTROL.write, mechanism(thing.errno), path);
  }
  if (context.facts.boundary === "gvisor") {
    return denied(id, path, CONTROL.write, "answered by gVisor's kernel, not the host's", path);
  }
  const writable = await context.ground.access(path, "write");
  if (writable.status === "refused") return denied(id, path, CONTROL.write, mechanism(writable.errno), path);
  const mount = context.facts.mounts === undefined ? undefined : mountOf(context.facts.mounts, path);
  if (mount?.isReadOnly === true) return denied(id, path, CONTROL.write, "on a read-only mount", path);
  return reachable(id, path, ["write", "configure"], "permissions and mount allow writing; not opened", path);
}
