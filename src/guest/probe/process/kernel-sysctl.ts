import type { Check, Context, Row } from "../probe.ts";
import { absent, CONTROL, denied, notMeasured, reachable } from "../row.ts";

/** Setting, the values that leave it open, and what is then open. */
const SETTINGS: readonly (readonly [name: string, open: (value: number) => boolean, what: string])[] = [
  ["kernel.unprivileged_bpf_disabled", (value) => value === 0, "bpf for every user"],
  ["kernel.io_uring_disabled", (value) => value === 0, "io_uring for every user"],
  ["vm.unprivileged_userfaultfd", (value) => value === 1, "userfaultfd for every user"],
  ["kernel.perf_event_paranoid", (value) => value < 2, "performance events of the kernel"],
  ["kernel.kptr_restrict", (value) => value === 0, "kernel addresses"],
  ["kernel.dmesg_restrict", (value) => value === 0, "the kernel's log"],
  ["fs.protected_symlinks", (value) => value === 0, "following other users' links in shared directories"],
  ["fs.protected_hardlinks", (value) => value === 0, "linking to other users' files"],
  ["net.ipv4.conf.all.route_localnet", (value) => value === 1, "loopback services for neighbours on the network"],
];

export const kernelSysctl: Check = {
  id: "kernel-sysctl",
  category: "process",
  why: "A setting of the machine leaves kernel interfaces open to everyone, the sandbox included.",
  misses: "Whether a system-call filter closes the same door for this sandbox alone.",
  source: "Documentation/admin-guide/sysctl; CVE-2020-8558 for route_localnet",
  async run(context) {
    return { rows: await Promise.all(SETTINGS.map(([name, isOpen, what]) => ask(context, name, isOpen, what))) };
  },
};

async function ask(context: Context, name: string, isOpen: (value: number) => boolean, what: string): Promise<Row> {
  const id = `kernel-sysctl:${name}`;
  const asked = await context.ground.table(`/proc/sys/${name.replaceAll(".", "/")}`, 64);
  if (context.facts.boundary === "gvisor")
    return absent(id, what, "a setting of the host's kernel, which does not answer here");
  if (asked.status === "refused") {
    if (asked.errno === "ENOENT" && context.facts.status !== undefined)
      return absent(id, what, "this kernel has no such setting");
    return notMeasured(id, what, asked.errno);
  }
  const value = Number(asked.value.trim());
  if (asked.value.trim() === "" || Number.isNaN(value)) return notMeasured(id, what, "the value is not a number");
  if (isOpen(value)) return reachable(id, what, ["configure"], `${name} is ${value}`);
  return denied(id, what, CONTROL.table, `${name} is ${value}`);
}
