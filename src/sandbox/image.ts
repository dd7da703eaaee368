import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { exec } from "../base/exec.ts";
import { hashOf, sha256Hex } from "../base/hash.ts";
import { buildGuest } from "../guest/build.ts";
import type { GuestProgram } from "../guest/wire.ts";

/**
 * What a sandbox is made of, without a registry: the guest runtime that is mounted at GUEST_DIR, and a small root file
 * system. Both are directories under a cache directory, named by what is in them, made aside and renamed into place, so
 * that two processes at once, or a crash half way, leave whole ones or none. Nobody writes into them afterwards.
 */

export type Image = {
  /** What a spec's `rootfs` and `guest` are to be. */
  rootfs: string;
  guest: string;
  /** Guest programs that were not built. */
  absent: readonly GuestProgram[];
};

export { guestArgv } from "../guest/argv.ts";

/** Both, for a machine without registry. Throws what its two parts throw. */
export async function prepareImage(cacheDirectory: string): Promise<Image> {
  const { path, absent } = await prepareGuest(cacheDirectory);
  return { rootfs: await prepareRootfs(cacheDirectory), guest: path, absent };
}

/**
 * The directory that is mounted at GUEST_DIR: Node with the loader and every library it links to, setpriv, a static
 * busybox, and one bundle a program. It needs nothing of the image it is mounted in. Programs without an entry are
 * `absent`. Throws OperatorError when busybox or setpriv is missing, Node is linked statically, or a bundle that was put
 * there earlier has another content now.
 */
export async function prepareGuest(
  cacheDirectory: string,
): Promise<{ path: string; absent: readonly GuestProgram[] }> {
  const { bundles, absent } = await buildGuest(join(cacheDirectory, "bundles"));
  const runtime = await prepareRuntime(cacheDirectory);
  const parts = await Promise.all(
    Object.entries(bundles).map(async ([program, source]) => ({
      program,
      source,
      sha256: sha256Hex(await readFile(source)),
    })),
  );
  const key = hashOf({ runtime: basename(runtime), parts: parts.map(({ program, sha256 }) => [program, sha256]) });
  const path = await prepared(cacheDirectory, `guest-${key.slice(0, 16)}`, async (making) => {
    await linkTree(runtime, making);
    for (const { program, source } of parts) await copyReadable(source, join(making, `${program}.mjs`));
  });
  for (const { program, sha256 } of parts) await refuseOther(join(path, `${program}.mjs`), sha256);
  return { path, absent };
}

/** The probe's bundle runs on the host as well, for the baseline: what lies there is looked at before each use. */
async function refuseOther(path: string, sha256: string): Promise<void> {
  if ((await isThere(path)) && sha256Hex(await readFile(path)) === sha256) return;
  throw new OperatorError(
    `${path} is not what was put there: somebody or something changed it`,
    `find out who did; ${dirname(path)} can be removed and is then made anew`,
  );
}

/**
 * A root file system of one static busybox and a few text files: users root, dev (1000) and nobody, and the mount points
 * /proc /dev /sys /tmp /workspace /home/dev. Throws OperatorError when there is no static busybox.
 */
export async function prepareRootfs(cacheDirectory: string): Promise<string> {
  const busybox = await staticBusybox();
  const key = hashOf({ layout: [DIRECTORIES, FILES], busybox: await identity(busybox) });
  return prepared(cacheDirectory, `rootfs-${key.slice(0, 16)}`, async (making) => {
    for (const directory of DIRECTORIES) await mkdir(join(making, directory), { recursive: true });
    for (const [path, content] of Object.entries(FILES)) await writeFile(join(making, path), content);
    await copyReadable(busybox, join(making, "bin/busybox"));
    for (const applet of await appletsOf(busybox)) {
      await mkdir(join(making, dirname(applet)), { recursive: true });
      if (applet !== "bin/busybox") await symlink("/bin/busybox", join(making, applet));
    }
    await chmod(join(making, "tmp"), 0o1777);
    await chmod(join(making, "root"), 0o700);
  });
}

const DIRECTORIES = [
  "bin",
  "dev",
  "etc",
  "home/dev",
  "proc",
  "root",
  "run",
  "sbin",
  "sys",
  "tmp",
  "usr/bin",
  "usr/sbin",
  "var/tmp",
  "workspace",
];

const FILES = {
  "etc/passwd":
    "root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000:dev:/home/dev:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
  "etc/group": "root:x:0:\ndev:x:1000:\nnogroup:x:65534:\n",
  "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
  "etc/hostname": "sandbox\n",
  "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
  "etc/resolv.conf": "",
  "etc/os-release": 'ID=weakdoor\nNAME="weakdoor base"\n',
} as const;

/** Node and what it links to, apart from the bundles: 120 MiB that change only with Node, so guests link to it. */
async function prepareRuntime(cacheDirectory: string): Promise<string> {
  const node = await realpath(process.execPath);
  const [busybox, setpriv] = [await staticBusybox(), await toolPath("setpriv", "util-linux")];
  const { loader, libraries } = await linked([node, setpriv]);
  const sources = new Map([
    ["node", node],
    ["setpriv", setpriv],
    ["busybox", busybox],
    ["lib/ld.so", loader],
    ...libraries.map((library): [string, string] => [`lib/${basename(library)}`, library]),
  ]);
  const identities = await Promise.all([...sources].map(async ([name, source]) => [name, await identity(source)]));
  return prepared(cacheDirectory, `runtime-${hashOf(identities).slice(0, 16)}`, async (making) => {
    await mkdir(join(making, "lib"));
    for (const [name, source] of sources) await copyReadable(source, join(making, name));
  });
}

/** Name-service libraries are loaded by name at run time, so ldd does not tell of them; newer glibc has them built in. */
const LOADED_BY_NAME = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];

async function linked(programs: string[]): Promise<{ loader: string; libraries: string[] }> {
  const libraries = new Set<string>();
  let loader: string | undefined;
  for (const program of programs) {
    const { code, stdout } = await exec(["ldd", program], { timeoutMs: 10_000 });
    if (code !== 0)
      throw new OperatorError(
        `${program} is not dynamically linked`,
        "run weakdoor with the Node of its dev dependency, `npm run setup`",
      );
    for (const line of stdout.split("\n")) {
      const path = /(?:^|=>)\s*(\/\S+)\s/.exec(line)?.[1];
      if (path === undefined) continue;
      // The loader alone stands without an arrow; on musl it is the C library, too, and its own line has one.
      if (/\/ld[-.]/.test(path)) loader = path;
      else libraries.add(path);
    }
  }
  if (loader === undefined) throw new Error(`ldd names no loader for ${programs.join(", ")}`);
  for (const directory of new Set([...libraries].map(dirname)))
    for (const name of LOADED_BY_NAME) if (await isThere(join(directory, name))) libraries.add(join(directory, name));
  return { loader, libraries: [...libraries].toSorted() };
}

async function staticBusybox(): Promise<string> {
  const path = await toolPath("busybox", "busybox-static");
  const { code } = await exec(["ldd", path], { timeoutMs: 10_000 });
  if (code === 0)
    throw new OperatorError(
      `${path} is not static, so it runs in no other image`,
      "apt-get install -y busybox-static",
    );
  return path;
}

async function toolPath(tool: string, debianPackage: string): Promise<string> {
  for (const directory of ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"])
    if (await isThere(join(directory, tool))) return realpath(join(directory, tool));
  throw new OperatorError(`${tool} is not installed`, `apt-get install -y ${debianPackage}`);
}

async function appletsOf(busybox: string): Promise<string[]> {
  const { code, stdout } = await exec([busybox, "--list-full"], { timeoutMs: 10_000 });
  if (code !== 0) throw new Error(`${busybox} does not list its applets`);
  return stdout.split("\n").filter((applet) => /^[\w/.[-]+$/.test(applet) && !applet.startsWith("linuxrc"));
}

/** What tells one version of a big file from another without reading it. */
async function identity(path: string): Promise<[string, number, number]> {
  const { size, mtimeMs } = await stat(path);
  return [path, size, mtimeMs];
}

/** The directory `name`, made by `make` if it is not there. Of two that make it at once one wins, and both get the same. */
async function prepared(
  cacheDirectory: string,
  name: string,
  make: (making: string) => Promise<void>,
): Promise<string> {
  const path = join(cacheDirectory, name);
  if (await isThere(path)) return path;
  const making = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
  try {
    await mkdir(making, { recursive: true });
    await make(making);
    await makeReadable(making);
    await rename(making, path);
  } catch (thrown) {
    await rm(making, { recursive: true, force: true });
    // The other one was first.
    if (errnoOf(thrown) !== "ENOTEMPTY" && errnoOf(thrown) !== "EEXIST") throw thrown;
  }
  return path;
}

/** Whatever the umask was: the guest's user is not the owner. */
async function makeReadable(root: string): Promise<void> {
  await chmod(root, 0o755);
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const special = entry.name === "tmp" || path === join(root, "root");
    if (entry.isDirectory() && !special) await chmod(path, 0o755);
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode | 0o444);
  }
}

/** The same tree of directories, every file a hard link: both are ours and neither is ever written to. */
async function linkTree(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true, recursive: true })) {
    const target = join(to, entry.parentPath.slice(from.length), entry.name);
    if (entry.isDirectory()) await mkdir(target, { recursive: true });
    else {
      await mkdir(dirname(target), { recursive: true });
      await link(join(entry.parentPath, entry.name), target);
    }
  }
}

async function copyReadable(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, ((await stat(from)).mode & 0o111) | 0o444);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return false;
    throw thrown;
  }
}
