import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { OperatorError } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";

/**
 * The guest's kernel: one that a distribution built, taken as it is, with the few modules of it that our machine has
 * devices for. Nothing of it is ever run on the host, so its package need not be installed: unpacked does as well.
 */
export type Kernel = {
  /** As `uname -r` would say. */
  release: string;
  /** The bootable file. */
  image: string;
  /** Where its modules lie, as packaged: no index of them is needed. */
  modules: string;
};

/** Where one unpacked from its package lies, as src/setup.mjs does it, before what the host itself boots. */
export const KERNEL_DIRECTORIES = ["/usr/local/lib/weakdoor/kernel", "/"] as const;

/** The newest below the first of these directories that has one with its modules; one made for virtual machines before others. */
export function findKernel(directories: readonly string[] = KERNEL_DIRECTORIES): Kernel | undefined {
  for (const directory of directories) {
    const found = kernelsBelow(directory).toSorted((a, b) => rank(b) - rank(a) || newestFirst(a, b));
    if (found[0] !== undefined) return found[0];
  }
  return undefined;
}

function kernelsBelow(directory: string): Kernel[] {
  const boot = join(directory, "boot");
  if (!existsSync(boot)) return [];
  return readdirSync(boot).flatMap((name) => {
    const release = /^vmlinuz-(.+)$/.exec(name)?.[1];
    if (release === undefined) return [];
    const places = ["lib/modules", "usr/lib/modules"].map((place) => join(directory, place, release));
    const modules = places.find((place) => existsSync(join(place, "kernel")));
    return modules === undefined ? [] : [{ release, image: join(boot, name), modules }];
  });
}

function rank({ release }: Kernel): number {
  return release.includes("cloud") ? 1 : 0;
}

function newestFirst(a: Kernel, b: Kernel): number {
  return b.release.localeCompare(a.release, "en", { numeric: true });
}

export type Module = { name: string; content: Buffer };

/**
 * These modules and all they depend on, in an order in which they can be loaded. What the kernel has built in is left
 * out. Throws OperatorError when it has one neither way.
 */
export async function modulesFor(kernel: Kernel, wanted: readonly string[]): Promise<Module[]> {
  const files = moduleFiles(kernel);
  const builtIn = builtInModules(kernel);
  const ordered = new Map<string, Module>();
  const take = async (name: string): Promise<void> => {
    if (ordered.has(name)) return;
    const path = files.get(name);
    if (path === undefined) {
      if (builtIn.has(name)) return;
      throw new OperatorError(
        `the kernel ${kernel.release} has no module ${name}`,
        "name another one as qemu.kernel, for instance Debian's linux-image-cloud-amd64",
      );
    }
    const content = await moduleContent(path);
    for (const other of dependenciesOf(content)) await take(other);
    ordered.set(name, { name, content });
  };
  for (const name of wanted) await take(name);
  return [...ordered.values()];
}

/** Dash and underscore are the same in a module's name. */
function nameOf(path: string): string {
  return basename(path)
    .replace(/\.ko(\.xz)?$/, "")
    .replaceAll("-", "_");
}

function moduleFiles({ modules }: Kernel): Map<string, string> {
  const all = readdirSync(join(modules, "kernel"), { recursive: true, encoding: "utf8" });
  const files = all.filter((path) => /\.ko(\.xz)?$/.test(path));
  return new Map(files.map((path) => [nameOf(path), join(modules, "kernel", path)]));
}

function builtInModules({ modules }: Kernel): Set<string> {
  const list = join(modules, "modules.builtin");
  return new Set(existsSync(list) ? readFileSync(list, "utf8").trim().split("\n").map(nameOf) : []);
}

/** Debian compresses modules by xz from release 13 on. */
async function moduleContent(path: string): Promise<Buffer> {
  if (!path.endsWith(".xz")) return readFile(path);
  const { code, stdout, stderr } = await exec(["sh", "-c", 'xz -dc -- "$1" | base64 -w0', "sh", path], {
    outputBytesMax: 64 * 1024 * 1024,
  });
  if (code !== 0 || stdout === "") throw new OperatorError(`cannot unpack ${path}: ${stderr}`, "install xz-utils");
  return Buffer.from(stdout, "base64");
}

/** As the section .modinfo says it (Linux scripts/mod/modpost.c): `depends=a,b`, between zero bytes. */
export function dependenciesOf(module: Buffer): string[] {
  const key = Buffer.from("\0depends=");
  const at = module.indexOf(key);
  if (at < 0) return [];
  const start = at + key.length;
  const list = module.toString("latin1", start, module.indexOf(0, start));
  return list
    .split(",")
    .filter((name) => name !== "")
    .map((name) => name.replaceAll("-", "_"));
}
