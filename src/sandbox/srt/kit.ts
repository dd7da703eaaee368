import { constants } from "node:fs";
import { chmod, copyFile, cp, mkdir, readdir, readFile, realpath, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { errnoOf, OperatorError } from "../../base/errors.ts";
import { exec, TOOL_PATH } from "../../base/exec.ts";
import { GUEST_DIR } from "../../guest/wire.ts";

/**
 * What srt is and calls, mounted read-only at KIT_DIR: the package as npm installed it with the packages it depends on, and the host's bwrap, socat, ripgrep and bash with their own loader and libraries, so that they
 * run on any root file system.
 */
export const KIT_DIR = "/.srt";

export const SRT_PACKAGE = "@anthropic-ai/sandbox-runtime";

/** Inside, for Node to run: the command that people run. */
export const SRT_PROGRAM = `${KIT_DIR}/node_modules/${SRT_PACKAGE}/dist/cli.js`;

/** By program, the Debian package that has it. */
const TOOLS = { bwrap: "bubblewrap", socat: "socat", rg: "ripgrep", bash: "bash" } as const;

export const INSTALL_HINT = `npm install ${SRT_PACKAGE}; apt-get install -y bubblewrap socat ripgrep`;

export type Parts = {
  /** Of the package, on the host. */
  packageDirectory: string;
  version: string;
  /** By program, its file on the host. */
  tools: Record<string, string>;
};

/** `missing` names everything that is not here. */
export type Found = { status: "found"; parts: Parts } | { status: "missing"; missing: string[] };

/** Looks beside our own packages, or in `packageDirectory`, which may be another version of srt: the agent's. */
export async function findParts(packageDirectory?: string): Promise<Found> {
  const directory = packageDirectory ?? (await installed(SRT_PACKAGE, import.meta.dirname));
  const manifest = directory === undefined ? undefined : await manifestOf(directory);
  const missing = manifest === undefined ? [SRT_PACKAGE] : [];
  const tools: Record<string, string> = {};
  for (const tool of Object.keys(TOOLS)) {
    const path = await onPath(tool);
    if (path === undefined) missing.push(tool);
    else tools[tool] = path;
  }
  if (directory === undefined || manifest === undefined || missing.length > 0) return { status: "missing", missing };
  return { status: "found", parts: { packageDirectory: directory, version: manifest.version, tools } };
}

/** Makes it in `directory`, which must not exist. Throws OperatorError when a package that srt depends on is not installed, or not readable to the sandbox's user. */
export async function makeKit(directory: string, { packageDirectory, tools }: Parts): Promise<void> {
  for (const part of ["bin", "lib", "libexec"]) await mkdir(join(directory, part), { recursive: true });
  await carryTools(directory, tools);
  // It looks for its tools with `which`, and the root file system may have none.
  await symlink(`${GUEST_DIR}/busybox`, join(directory, "bin/which"));
  const packages = await packagesOf(packageDirectory, SRT_PACKAGE);
  for (const [name, place] of packages) await carryPackage(place, join(directory, "node_modules", name));
  await makeReadable(directory);
}

/** Hard links cost nothing, and nobody inside may write through one; but they do not cross file systems, and not everyone may make them. */
async function carryPackage(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const { code } = await exec(["cp", "-al", "--", from, to]);
  if (code !== 0) await cp(from, to, { recursive: true, force: true, mode: constants.COPYFILE_FICLONE });
}

async function carryTools(directory: string, tools: Parts["tools"]): Promise<void> {
  const files = new Map<string, string>();
  const links = Object.entries(tools).map(async ([name, path]) => {
    const { loader, libraries } = await linked(path);
    for (const library of [loader, ...libraries]) files.set(join("lib", basename(library)), library);
    files.set(join("libexec", name), path);
    const run = `${KIT_DIR}/lib/${basename(loader)} --library-path ${KIT_DIR}/lib ${KIT_DIR}/libexec/${name}`;
    await writeFile(join(directory, "bin", name), `#!${GUEST_DIR}/busybox sh\nexec ${run} "$@"\n`, { mode: 0o755 });
  });
  await Promise.all(links);
  const copies = [...files].map(([to, from]) => copyFile(from, join(directory, to), constants.COPYFILE_FICLONE));
  await Promise.all(copies);
}

async function linked(program: string): Promise<{ loader: string; libraries: string[] }> {
  const { code, stdout } = await exec(["ldd", program], { timeoutMs: 10_000 });
  const paths = stdout.split("\n").flatMap((line) => /(?:^|=>)\s*(\/\S+)\s/.exec(line)?.[1] ?? []);
  const loader = paths.find((path) => /\/ld[-.]/.test(path));
  if (code !== 0 || loader === undefined)
    throw new OperatorError(`${program} is not dynamically linked`, "install the distribution's own package of it");
  return { loader, libraries: paths.filter((path) => path !== loader) };
}

const Manifest = z.object({ version: z.string(), dependencies: z.record(z.string(), z.string()).default({}) });
type Manifest = z.infer<typeof Manifest>;

/** By name, where the package lies and all that it depends on; what lies within it comes with it. npm's nesting is not kept otherwise, since of these packages none is there twice. */
async function packagesOf(directory: string, name: string): Promise<Map<string, string>> {
  const manifest = await manifestOf(directory);
  if (manifest === undefined) throw new OperatorError(`${directory} is no npm package`, INSTALL_HINT);
  if (((await stat(join(directory, "package.json"))).mode & 0o004) === 0)
    throw new OperatorError(`${directory} can be read by its owner alone`, `chmod -R a+rX ${directory}`);
  const packages = new Map([[name, directory]]);
  for (const dependency of Object.keys(manifest.dependencies)) {
    const found = await installed(dependency, directory);
    if (found === undefined) throw new OperatorError(`${name} needs ${dependency}`, INSTALL_HINT);
    if (found.startsWith(`${directory}/`)) continue;
    for (const [further, place] of await packagesOf(found, dependency)) packages.set(further, place);
  }
  return packages;
}

async function manifestOf(directory: string): Promise<Manifest | undefined> {
  try {
    return Manifest.parse(JSON.parse(await readFile(join(directory, "package.json"), "utf8")));
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    return undefined;
  }
}

/** Where Node would find the package from a file in `from`. */
async function installed(name: string, from: string): Promise<string | undefined> {
  for (let at = from; ; at = dirname(at)) {
    const place = join(at, "node_modules", name);
    if ((await manifestOf(place)) !== undefined) return realpath(place);
    if (at === dirname(at)) return undefined;
  }
}

async function onPath(tool: string): Promise<string | undefined> {
  for (const directory of TOOL_PATH.split(":")) {
    try {
      return await realpath(join(directory, tool));
    } catch (thrown) {
      if (errnoOf(thrown) !== "ENOENT") throw thrown;
    }
  }
  return undefined;
}

/** Whatever the umask was: the sandbox's user is not the owner. The packages' files may be links to npm's own and are left as they are. */
async function makeReadable(root: string): Promise<void> {
  await chmod(root, 0o755);
  const linked = join(root, "node_modules");
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    const isLeft = entry.isSymbolicLink() || (entry.isFile() && entry.parentPath.startsWith(linked));
    if (!isLeft) await chmod(join(entry.parentPath, entry.name), 0o755);
  }
}
