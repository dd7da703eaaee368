import { doorPath, INITRAMFS, KERNEL, type Share } from "./walls.ts";

/**
 * The command line of one machine (qemu-system-x86_64(1)): type microvm, which has no PCI bus and nothing on it; no network
 * card, no disk, no display, no monitor; QEMU's own system call filter. The guest speaks by one virtio serial port, whose
 * other end is this process's standard input and output, one socket; a second one tells that the machine stands. Its boot
 * log and standard error go by an emulated serial line to our standard error, of which the last bytes are kept: what it
 * floods is lost.
 */
export type Machine = {
  program: string;
  /** Stands in the command line, where the process is found by it. */
  name: string;
  accelerator: Accelerator;
  memoryMiB: number;
  processors: number;
  shares: readonly Share[];
};

/** `kvm`: the processor's own virtual machines · `emulation`: each instruction translated; `tscKhz` is the host's clock. */
export type Accelerator = { kind: "kvm" } | { kind: "emulation"; tscKhz: number };

export function machineArgv(machine: Machine): string[] {
  const { program, name, accelerator, memoryMiB, processors, shares } = machine;
  return [
    program,
    "-name",
    name,
    "-nodefaults",
    "-no-user-config",
    "-no-reboot",
    "-display",
    "none",
    "-monitor",
    "none",
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    // Without its old timers it does not boot.
    "-machine",
    "microvm,acpi=on,pit=on,pic=on,rtc=on,isa-serial=on,memory-backend=memory",
    ...acceleration(accelerator),
    "-smp",
    String(processors),
    "-m",
    `${memoryMiB}M`,
    // Shared with the daemons, which read and write what the guest asks for in its own memory.
    "-object",
    `memory-backend-memfd,id=memory,size=${memoryMiB}M,share=on`,
    "-global",
    "virtio-mmio.force-legacy=false",
    "-kernel",
    KERNEL,
    "-initrd",
    INITRAMFS,
    "-append",
    kernelWords(accelerator).join(" "),
    "-chardev",
    "socket,id=said,fd=2",
    "-serial",
    "chardev:said",
    "-chardev",
    "socket,id=channel,fd=0",
    "-device",
    "virtio-serial-device,max_ports=3",
    "-device",
    "virtserialport,nr=1,chardev=channel",
    "-chardev",
    `socket,id=ready,fd=${READY_FD}`,
    "-device",
    "virtserialport,nr=2,chardev=ready",
    ...shares.flatMap((share) => [
      "-chardev",
      `socket,id=${share.tag},path=${doorPath(share)}`,
      "-device",
      `vhost-user-fs-device,chardev=${share.tag},tag=${share.tag}`,
    ]),
  ];
}

/** Where the machine says that it stands: after standard error and what bwrap takes. */
const READY_FD = 4;

/** Translated code is kept in so much memory; the default is an eighth of the host's. */
const TRANSLATED_MIB = 128;

function acceleration(accelerator: Accelerator): string[] {
  if (accelerator.kind === "kvm") return ["-accel", "kvm", "-cpu", "host"];
  return ["-accel", `tcg,thread=multi,tb-size=${TRANSLATED_MIB}`, "-cpu", "max"];
}

/** Seconds are saved by leaving out tests and devices (measured on Debian's 6.1: 0.6 s of 3.6). */
function kernelWords(accelerator: Accelerator): string[] {
  const always = [
    "console=ttyS0",
    "quiet",
    "panic=-1",
    // There is no keyboard controller to ask for a restart; a triple fault is one, and QEMU then ends.
    "reboot=t",
    "cryptomgr.notests",
    "8250.nr_uarts=1",
    "audit=0",
    "apparmor=0",
    "random.trust_cpu=on",
  ];
  if (accelerator.kind === "kvm") return always;
  // One boot in four hung as it measured its clock against an emulated timer; told, none of 26 did. An emulated processor
  // does not speculate across the borders that the mitigations guard.
  return [
    ...always,
    `tsc_early_khz=${accelerator.tscKhz}`,
    "tsc=reliable",
    "no_timer_check",
    "mitigations=off",
    "nopti",
  ];
}

/** What QEMU and a daemon need on the host beside the guest's memory. */
export const MACHINE_OVERHEAD_MIB = TRANSLATED_MIB + 256;
