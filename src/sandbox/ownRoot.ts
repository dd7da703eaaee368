import { cp, lstat, mkdir, open, readlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { exec } from "../base/exec.ts";
import { GUEST_DIR } from "../guest/wire.ts";
import type { Mount, SandboxSpec } from "./sandbox.ts";

/**
 * A sandbox's own root directory, for backends without an image store. The shared root file system is never written to,
 * and a mount needs a place to stand on, which on a read-only root nobody can make later: so each sandbox has a copy,
 * of hard links when it will only be read, with every mount point in it.
 */
export type OwnRoot = {
  /** Absolute, on the host. */
  path: string;
  /** The spec's mounts and the guest runtime, at the paths they have once links in the root are followed. */
  mounts: Mount[];
};

/** Makes it at `path`, which must not exist. Throws OperatorError for a mount whose source is missing or that cannot stand there. */
export async function makeOwnRoot(spec: SandboxSpec, path: string, signal: AbortSignal): Promise<OwnRoot> {
  await copyTree(spec.rootfs, path, spec.confinement.readOnlyRoot, signal);
  const guest: Mount = { kind: "bind", source: spec.guest, path: GUEST_DIR, mode: "ro" };
  const mounts: Mount[] = [];
  for (const mount of [guest, ...spec.mounts]) mounts.push({ ...mount, path: await makeMountPoint(path, mount) });
  await makeMountPoint(path, { kind: "tmpfs", path: spec.cwd, sizeMiB: 0 });
  return { path, mounts };
}

/** Hard links cost nothing, but a write through one would reach the shared file, and they do not cross file systems. */
async function copyTree(from: string, to: string, isReadOnly: boolean, signal: AbortSignal): Promise<void> {
  if (isReadOnly) {
    const { code, stderr } = await exec(["cp", "-al", "--", from, to], { signal });
    if (code === 0) return;
    if (!/Invalid cross-device link|Operation not permitted|Too many links/.test(stderr))
      throw new OperatorError(`cannot copy ${from}: ${stderr.trim()}`, "see whether the disk is full");
  }
  await cp(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true, mode: 2, force: true });
}

/** The place for a mount, made if it is missing: a directory, or an empty file for a source that is none. */
async function makeMountPoint(root: string, mount: Mount): Promise<string> {
  const isDirectory = mount.kind === "tmpfs" || (await sourceOf(mount)).isDirectory();
  const inside = await resolveInside(root, mount.path);
  const place = join(root, inside);
  try {
    const there = await lstat(place);
    if (there.isDirectory() === isDirectory) return inside;
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT" && errnoOf(thrown) !== "ENOTDIR") throw thrown;
    try {
      await mkdir(isDirectory ? place : dirname(place), { recursive: true, mode: 0o755 });
      if (!isDirectory) await (await open(place, "wx", 0o644)).close();
      return inside;
    } catch (error) {
      if (!["EEXIST", "ENOTDIR"].includes(errnoOf(error) ?? "")) throw error;
    }
  }
  throw new OperatorError(
    `nothing can be mounted at ${mount.path}`,
    "a file stands where a directory is needed, or the other way round",
  );
}

async function sourceOf({ source, path }: Extract<Mount, { kind: "bind" }>) {
  try {
    return await lstat(source);
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    throw new OperatorError(`there is no ${source} to mount at ${path}`, "make it, or leave the mount out", {
      cause: thrown,
    });
  }
}

const LINKS_MAX = 40;

/** The path once every link is followed within `root`, as a process inside would see it. A link never leads out: `/` and `..` stay in. */
export async function resolveInside(root: string, path: string): Promise<string> {
  let done: string[] = [];
  const open = path.split("/");
  for (let links = 0; open.length > 0; ) {
    const name = open.shift();
    if (name === undefined || name === "" || name === ".") continue;
    if (name === "..") {
      done.pop();
      continue;
    }
    const target = await linkAt(join(root, ...done, name));
    if (target === undefined) {
      done.push(name);
      continue;
    }
    if (++links > LINKS_MAX) throw new OperatorError(`${path} is a loop of links in ${root}`, "mount it elsewhere");
    if (target.startsWith("/")) done = [];
    open.unshift(...target.split("/"));
  }
  return `/${done.join("/")}`;
}

async function linkAt(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (thrown) {
    if (["EINVAL", "ENOENT", "ENOTDIR"].includes(errnoOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}
