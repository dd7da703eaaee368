import type { Check, Context, Row } from "../probe.ts";
import { CONTROL, denied, notMeasured, reachable } from "../row.ts";
import { decodeCapabilities } from "./capabilities.ts";

/** System call, and the capability without which the kernel refuses it, if there is one. */
const CALLS = [
  ["add_key", undefined],
  ["bpf", undefined],
  ["init_module", "CAP_SYS_MODULE"],
  ["io_uring_setup", undefined],
  ["kexec_load", "CAP_SYS_BOOT"],
  ["keyctl", undefined],
  ["mount", "CAP_SYS_ADMIN"],
  ["open_by_handle_at", "CAP_DAC_READ_SEARCH"],
  ["perf_event_open", undefined],
  ["ptrace", undefined],
  ["userfaultfd", undefined],
] as const;

export const dangerousSyscall: Check = {
  id: "dangerous-syscall",
  category: "process",
  why: "These calls lead to the kernel code in which most flaws were found that let a sandbox out.",
  misses:
    "Where a filter is in force the answer is not known, but for what Node itself was granted: no call is made to find out.",
  source: "moby profiles/seccomp/default.json; capabilities(7)",
  async run(context) {
    const hasRing = await holdsRing(context);
    return {
      rows: CALLS.map(([name, needed]) =>
        name === "io_uring_setup" && hasRing
          ? reachable(`dangerous-syscall:${name}`, `the system call ${name}`, ["execute"], RING)
          : ask(context, name, needed),
      ),
    };
  },
};

const RING = "granted to Node's own event loop when it started";

/** libuv asks for rings by itself (src/unix/linux.c, uv__iou_init); under gVisor they are gVisor's. */
async function holdsRing({ facts, ground }: Context): Promise<boolean> {
  if (facts.boundary === "gvisor") return false;
  const listed = await ground.list("/proc/self/fd", 64);
  for (const { name } of listed.status === "answered" ? listed.value.entries : []) {
    const link = await ground.link(`/proc/self/fd/${name}`);
    if (link.status === "answered" && link.value === "anon_inode:[io_uring]") return true;
  }
  return false;
}

function ask({ facts }: Context, name: string, needed: string | undefined): Row {
  const id = `dangerous-syscall:${name}`;
  const subject = `the system call ${name}`;
  if (facts.boundary === "gvisor")
    return denied(id, subject, CONTROL.table, "only gVisor's kernel answers, not the host's");
  const held = decodeCapabilities(facts.status?.get("CapEff"));
  if (held === undefined) return notMeasured(id, subject, "/proc/self/status cannot be read");
  if (needed !== undefined && !held.has(needed))
    return denied(id, subject, CONTROL.table, `needs ${needed}, which is not held`);
  if (facts.status?.get("Seccomp") === "2") {
    return notMeasured(
      id,
      subject,
      "a filter is in force; whether it refuses this call cannot be asked from JavaScript",
    );
  }
  return reachable(id, subject, ["execute"], "no filter is in force; not called");
}
