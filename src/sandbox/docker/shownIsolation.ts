import { readdirSync, readlinkSync } from "node:fs";
import { errnoOf, messageOf } from "../../base/errors.ts";
import { GUEST_DIR } from "../../guest/wire.ts";
import { findProcesses, holdsName } from "../../stop/processes.ts";
import { ISOLATIONS, type Isolation } from "../sandbox.ts";

/** What a container that has just started shows itself to be, seen from the host and not from its name. */
type Shown = { isolation: Isolation; evidence: string };

/** A process of the host that belongs to the container. `machines`: virtual machines that it holds open. */
export type Witness = { commandLine: string; machines: number | { reason: string } };

/**
 * Asked before anything but our own first process runs inside, so nobody can dress up. On the host's own kernel the
 * guest's first process is a process of the host, under the name that we gave it. In gVisor there is the sentry in its
 * stead; in a microVM a monitor that holds a virtual machine of the kernel's. What shows neither is a container.
 */
export function shownIsolation(name: string, id: string): Shown {
  const found = findProcesses((p) => isGuest(p, name) || p.commandLine.includes(id) || p.cgroup.includes(id));
  const around = found.map(({ pid, commandLine }) => ({ commandLine, machines: machinesOf(pid) }));
  return judge({ around, guests: found.filter((p) => isGuest(p, name)).length });
}

/** Our own first process, as the host sees it when the host's kernel runs it. */
export function isGuest({ commandLine }: { commandLine: string }, name: string): boolean {
  return commandLine.startsWith(`${GUEST_DIR}/`) && holdsName(commandLine, name);
}

/** `guests`: processes of the host that bear the guest's own command line. */
export function judge({ around, guests }: { around: readonly Witness[]; guests: number }): Shown {
  if (guests > 0) return { isolation: "container", evidence: "its first process is one of the host's own kernel" };
  // gVisor may run on KVM: it is asked for first.
  const sentry = around.find(({ commandLine }) => SENTRY.test(commandLine));
  if (sentry !== undefined)
    return { isolation: "gvisor", evidence: `its kernel is ${sentry.commandLine.split(" ")[0]}` };
  const monitor = around.find(({ machines }) => typeof machines === "number" && machines > 0);
  if (monitor !== undefined)
    return { isolation: "microvm", evidence: `${monitor.commandLine.split(" ")[0]} holds a virtual machine` };
  const hidden = around.flatMap(({ machines }) => (typeof machines === "number" ? [] : [machines.reason]));
  const unseen = hidden.length > 0 ? `; ${hidden.length} of its processes could not be looked at (${hidden[0]})` : "";
  return { isolation: "container", evidence: `no process of it holds a virtual machine or is a kernel${unseen}` };
}

/** Does it hold at least what is claimed? */
export function isAtLeast(shown: Isolation, claimed: Isolation): boolean {
  return ISOLATIONS.indexOf(shown) >= ISOLATIONS.indexOf(claimed);
}

/** `runsc … boot …`, which calls itself runsc-sandbox. */
const SENTRY = /^(?:\S*\/)?runsc(?:-sandbox)? (?:.* )?boot /;

/** A machine is a descriptor without a file: KVM's, or that of the Microsoft hypervisor. */
const MACHINE = /^anon_inode:\[?(?:kvm-vm|mshv_vm|mshv-vm)\]?$/;

function machinesOf(pid: number): Witness["machines"] {
  try {
    const directory = `/proc/${pid}/fd`;
    return readdirSync(directory).filter((fd) => MACHINE.test(linkOf(`${directory}/${fd}`))).length;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ESRCH") return 0;
    if (errnoOf(thrown) === "EACCES" || errnoOf(thrown) === "EPERM") return { reason: messageOf(thrown) };
    throw thrown;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return "";
    throw thrown;
  }
}
