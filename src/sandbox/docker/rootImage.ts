import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import type Docker from "dockerode";
import { type Pack, pack } from "tar-stream";
import { OperatorError } from "../../base/errors.ts";
import { isImageMissing } from "./refusal.ts";

const REPOSITORY = "weakdoor/base";

/** By root file system, which nobody writes to once it is there: reading all of it anew is a part of every start. */
export type Tags = Map<string, string>;

type HeldImages = {
  /** Calls `use` with the image to start from; once more with a fresh one when the engine has lost it meanwhile. */
  with<T>(rootfs: string, signal: AbortSignal, use: (image: string) => Promise<T>): Promise<T>;
};

/** Asks the engine for an image only until it was seen to be there: that is a part of every start. */
export function heldImages(docker: Docker, wanted: string | undefined): HeldImages {
  const tags: Tags = new Map();
  const held = new Map<string, string>();
  return {
    async with(rootfs, signal, use) {
      const known = held.get(rootfs);
      if (known !== undefined) {
        try {
          return await use(known);
        } catch (thrown) {
          if (!isImageMissing(thrown)) throw thrown;
          held.delete(rootfs);
        }
      }
      const image = await imageFor(docker, { wanted, rootfs, tags }, signal);
      const made = await use(image);
      held.set(rootfs, image);
      return made;
    },
  };
}

/**
 * The image to start from: the one that is asked for, which the engine must hold, because nothing is ever pulled; else the
 * one made of this directory. Throws OperatorError when the engine does not hold it.
 */
export async function imageFor(
  docker: Docker,
  { wanted, rootfs, tags }: { wanted: string | undefined; rootfs: string; tags: Tags },
  signal: AbortSignal,
): Promise<string> {
  if (wanted === undefined) return rootImage(docker, rootfs, tags, signal);
  const present = await docker.listImages({ filters: { reference: [wanted] }, abortSignal: signal });
  if (present.length > 0) return wanted;
  const hint = "build or pull it first (sandboxes/docker/base has a Dockerfile), or leave docker.image out";
  throw new OperatorError(`the engine holds no image ${wanted}`, hint);
}

/**
 * The image whose only layer is this directory, as `weakdoor/base:<hash of its content>`: imported once, found by that tag ever
 * after. Needs no registry. Throws OperatorError when the engine will not take it.
 */
async function rootImage(docker: Docker, rootfs: string, tags: Tags, signal: AbortSignal): Promise<string> {
  const tag = tags.get(rootfs) ?? (await digest(tarOf(rootfs))).slice(0, 32);
  tags.set(rootfs, tag);
  const name = `${REPOSITORY}:${tag}`;
  const present = await docker.listImages({ filters: { reference: [name] }, abortSignal: signal });
  if (present.length === 0) await importTar(docker, tarOf(rootfs), tag);
  return name;
}

async function importTar(docker: Docker, tar: Pack, tag: string): Promise<void> {
  const body = Readable.from(tar);
  // A file that vanishes while it is read ends the body early; the client itself would not notice.
  const broken = new Promise<never>((_, reject) => body.once("error", reject));
  const imported = docker.importImage(body, { repo: REPOSITORY, tag }).then((reply) => progressOf(docker, reply));
  await Promise.race([imported, broken]);
}

function progressOf(docker: Docker, reply: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(reply, (error) => {
      if (error === null) return resolve();
      const message = `the engine did not import the root file system: ${error.message}`;
      reject(new OperatorError(message, "see whether its disk is full", { cause: error }));
    });
  });
}

async function digest(tar: Pack): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of tar) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Sorted, without times: the same content gives the same bytes. */
function tarOf(rootfs: string): Pack {
  const tar = pack();
  const add = async (path: string): Promise<void> => {
    for (const entry of readdirSync(join(rootfs, path)).sort()) {
      const at = path === "" ? entry : `${path}/${entry}`;
      await addEntry(tar, rootfs, at);
      if (lstatSync(join(rootfs, at)).isDirectory()) await add(at);
    }
  };
  add("").then(
    () => tar.finalize(),
    (error: Error) => tar.destroy(error),
  );
  return tar;
}

function addEntry(tar: Pack, rootfs: string, at: string): Promise<void> {
  const full = join(rootfs, at);
  const stat = lstatSync(full);
  const header = { name: at, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtime: new Date(0) };
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve());
    if (stat.isDirectory()) tar.entry({ ...header, type: "directory" }, done);
    else if (stat.isSymbolicLink()) tar.entry({ ...header, type: "symlink", linkname: readlinkSync(full) }, done);
    else if (stat.isFile()) tar.entry({ ...header, type: "file", size: stat.size }, readFileSync(full), done);
    else
      reject(
        new OperatorError(`${full} is neither file, directory nor link`, "a root file system holds nothing else"),
      );
  });
}
