import { existsSync, statSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeDurably } from "../../base/files.ts";
import { hashOf } from "../../base/hash.ts";
import { type CpioEntry, cpio } from "./cpio.ts";
import { type Kernel, modulesFor } from "./kernel.ts";

/**
 * The machine's first file system: a busybox, the modules of our devices, and the two scripts that make the sandbox. Only
 * the scripts differ from sandbox to sandbox, so the rest is made once. The guest runtime and the root file system are not
 * in it: they come by virtiofs, which had Node up 0.7 s sooner than unpacking its 120 MiB in an emulated machine, and
 * leaves that memory to the guest (measured, Debian 12).
 */
export async function writeInitramfs(options: {
  cacheDirectory: string;
  kernel: Kernel;
  /** A static one. */
  busybox: string;
}): Promise<string> {
  const { cacheDirectory, kernel, busybox } = options;
  const key = hashOf({
    kernel: identity(kernel.image),
    busybox: identity(busybox),
    layout: [MODULES, TOOLS, DIRECTORIES],
  });
  const path = join(cacheDirectory, `initramfs-${key.slice(0, 16)}.cpio`);
  if (existsSync(path)) return path;
  const modules = await modulesFor(kernel, MODULES);
  await mkdir(cacheDirectory, { recursive: true });
  writeDurably(path, cpio(baseEntries(modules, await readFile(busybox))), 0o644);
  return path;
}

/** What goes on top of it for one sandbox. */
export function scriptsPart(scripts: { init: string; inside: string }, loader: Uint8Array | undefined): Buffer {
  const file = (path: string, content: Uint8Array): CpioEntry => ({ kind: "file", path, mode: 0o755, content });
  return cpio([
    file("init", Buffer.from(scripts.init)),
    file("inside", Buffer.from(scripts.inside)),
    ...(loader === undefined ? [] : [file("filtered", loader)]),
  ]);
}

/** Of virtio's devices the channel and the shared directories, and nothing else: not even a disk or a network card could be driven. */
const MODULES = ["virtio_mmio", "virtio_console", "virtiofs"];

const TOOLS = [
  "cat",
  "chroot",
  "echo",
  "hostname",
  "insmod",
  "ip",
  "ln",
  "mkdir",
  "mknod",
  "mount",
  "poweroff",
  "sh",
  "sleep",
  "touch",
  "unshare",
];

const DIRECTORIES = ["bin", "cgroup", "dev", "modules", "mounts", "proc", "root", "sys"];

function baseEntries(modules: readonly { name: string; content: Buffer }[], busybox: Buffer): CpioEntry[] {
  return [
    ...DIRECTORIES.map((path): CpioEntry => ({ kind: "directory", path, mode: 0o755 })),
    { kind: "file", path: "bin/busybox", mode: 0o755, content: busybox },
    ...TOOLS.map((tool): CpioEntry => ({ kind: "link", path: `bin/${tool}`, target: "busybox" })),
    ...modules.map(
      ({ name, content }, i): CpioEntry => ({
        kind: "file",
        // They are loaded in the order of their names.
        path: `modules/${String(i).padStart(2, "0")}-${name}.ko`,
        mode: 0o644,
        content,
      }),
    ),
  ];
}

/** What tells one version of a file from another without reading it. */
function identity(path: string): [string, number, number] {
  const { size, mtimeMs } = statSync(path);
  return [path, size, mtimeMs];
}
