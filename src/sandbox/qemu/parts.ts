import { existsSync } from "node:fs";
import { join } from "node:path";
import { OperatorError } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";
import type { Availability } from "../sandbox.ts";
import { findKernel, type Kernel } from "./kernel.ts";

/** The programs of the host that a machine is made of, and its kernel. */
export type Parts = { qemu: string; daemon: string; kernel: Kernel };

export type Found = { status: "found"; parts: Parts } | { status: "missing"; reason: string; hint: string };

/** Looks at the disk and starts nothing. */
export function findParts(kernelDirectory: string | undefined): Found {
  if (process.arch !== "x64")
    return missing(`the machine is made for x86-64, and this is ${process.arch}`, "use another driver here");
  const qemu = firstThere(PROGRAM_DIRECTORIES.map((directory) => join(directory, "qemu-system-x86_64")));
  if (qemu === undefined) return missing("qemu-system-x86_64 is not installed", "apt-get install -y qemu-system-x86");
  const wall = firstThere(PROGRAM_DIRECTORIES.map((directory) => join(directory, "bwrap")));
  if (wall === undefined)
    return missing("bwrap, the wall around QEMU, is not installed", "apt-get install -y bubblewrap");
  const daemon = firstThere(DAEMONS);
  if (daemon === undefined)
    return missing(
      "virtiofsd is not installed",
      "apt-get install -y virtiofsd, or qemu-system-common before Debian 13",
    );
  const kernel = findKernel(kernelDirectory === undefined ? undefined : [kernelDirectory]);
  if (kernel === undefined)
    return missing(
      `there is no kernel for it${kernelDirectory === undefined ? "" : ` below ${kernelDirectory}`}`,
      "unpack one: apt-get download linux-image-cloud-amd64's package, dpkg-deb -x it to /usr/local/lib/weakdoor/kernel",
    );
  return { status: "found", parts: { qemu, daemon, kernel } };
}

/** Throws OperatorError when something is missing. */
export function requireParts(kernelDirectory: string | undefined): Parts {
  const found = findParts(kernelDirectory);
  if (found.status === "found") return found.parts;
  throw new OperatorError(found.reason, found.hint);
}

/** Asks QEMU for its version. */
export async function checkParts(kernelDirectory: string | undefined, signal: AbortSignal): Promise<Availability> {
  const found = findParts(kernelDirectory);
  if (found.status === "missing") return found;
  const { qemu, kernel } = found.parts;
  const { code, stdout, stderr } = await exec([qemu, "--version"], { signal, timeoutMs: 3_000 });
  if (code !== 0) return missing(`${qemu} --version: ${stderr.trim()}`, "apt-get install -y qemu-system-x86");
  const version = /version (\S+)/.exec(stdout)?.[1] ?? stdout.trim();
  return { status: "ready", version: `QEMU ${version}, kernel ${kernel.release}` };
}

const PROGRAM_DIRECTORIES = ["/usr/local/bin", "/usr/bin", "/bin"];
/** QEMU's own, up to version 7; the one that followed it. */
const DAEMONS = ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"];

function firstThere(paths: readonly string[]): string | undefined {
  return paths.find((path) => existsSync(path));
}

function missing(reason: string, hint: string): { status: "missing"; reason: string; hint: string } {
  return { status: "missing", reason, hint };
}
