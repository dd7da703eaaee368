import { dirname, join } from "node:path";
import { type Cgroups, cgroupsOf, findCgroups } from "../cgroup.ts";
import { claim, destroyLocal, type Local, listLocal, lookLocal, sandboxOf } from "../local.ts";
import { type Lookout, openLookout } from "../lookout.ts";
import type { Driver, Isolation } from "../sandbox.ts";
import { kvmGroup, readTrial, trialKey } from "./accelerator.ts";
import { hostLimits, type Machines, startMachine } from "./machine.ts";
import { checkParts, findParts, requireParts } from "./parts.ts";

export type QemuOptions = {
  runDirectory: string;
  /** For what is made once: the first file system, and whether KVM works. */
  cacheDirectory?: string;
  /** Holds boot/vmlinuz-* and lib/modules/*; without it the well-known places are looked at. */
  kernelDirectory?: string | undefined;
  cgroups?: Cgroups;
  lookout?: Lookout;
};

/** Emulated, and with others that want the processor as well, a boot took 25 s (measured). */
const CREATE_TIMEOUT_MS = 90_000;

/**
 * A virtual machine without network card, disk or display, with a kernel of its own: QEMU's type microvm. What the spec
 * declares is repeated inside it, and QEMU itself stands behind a wall. KVM where a machine has booted on it, else every
 * instruction is emulated: that works anywhere, takes seconds to start, and isolates less. QEMU's project promises nothing for
 * emulation, so what is sure then is the wall around it, and that is a container's: so it is ranked.
 */
export function qemuDriver(options: QemuOptions): Driver {
  const cgroups = options.cgroups ?? findCgroups("qemu");
  const cacheDirectory = options.cacheDirectory ?? join(dirname(options.runDirectory), "cache");
  const lookout = options.lookout ?? openLookout();
  const machines: Ground = {
    cgroups,
    lookout,
    runDirectory: options.runDirectory,
    kernelDirectory: options.kernelDirectory,
    cacheDirectory,
    trialPath: join(cacheDirectory, "qemu-kvm.json"),
  };
  const local = (): Local => localOf(machines, isolationOf(machines));
  return {
    kind: "qemu",
    createTimeoutMs: CREATE_TIMEOUT_MS,
    get isolation() {
      return isolationOf(machines);
    },
    cannot: limitsOf(cgroups),
    check: (signal) => checkParts(options.kernelDirectory, signal),
    async create(spec, signal) {
      signal.throwIfAborted();
      const parts = requireParts(options.kernelDirectory);
      const place = claim(local(), { ...spec, limits: hostLimits(spec) });
      try {
        const { linked, pid, isolation } = await startMachine(machines, { parts, spec, place }, signal);
        return sandboxOf(localOf(machines, isolation), spec, linked, pid, () => destroyLocal(local(), spec.name));
      } catch (thrown) {
        await destroyLocal(local(), spec.name);
        throw signal.aborted ? signal.reason : thrown;
      }
    },
    hints: (name) => ({ cgroups: cgroupsOf(cgroups, name), commandLine: name }),
    list: () => Promise.resolve(listLocal(local(), "qemu-system-x86_64")),
    destroy: (name) => destroyLocal(local(), name),
    look: (name) => lookLocal(local(), name),
    lookout,
  };
}

type Ground = Machines &
  Pick<Local, "runDirectory" | "cgroups" | "lookout"> & { kernelDirectory: string | undefined };

function localOf({ runDirectory, cgroups, lookout }: Ground, isolation: Isolation): Local {
  return { kind: "qemu", isolation, runDirectory, cgroups, lookout };
}

/** A machine's, once one has booted on KVM here; until then, and without, that of the wall around QEMU. */
function isolationOf({ kernelDirectory, trialPath }: Ground): Isolation {
  const found = findParts(kernelDirectory);
  if (found.status === "missing" || kvmGroup() === undefined) return "container";
  const trial = readTrial(trialPath, trialKey(found.parts.qemu, found.parts.kernel));
  return trial?.kvm === "boots" ? "microvm" : "container";
}

function limitsOf(cgroups: Cgroups): { what: string; why: string }[] {
  const always = [{ what: "pass unix sockets in", why: "the machine shares files with the host, and no kernel" }];
  if (process.getuid?.() !== 0)
    always.push({
      what: "write to mounts as any user",
      why: "without root virtiofsd is one user: what is mounted is root's inside, and only root's",
    });
  if (cgroups.status === "usable") return always;
  return [...always, { what: "limit cpus", why: `${cgroups.reason}; it has whole processors` }];
}
