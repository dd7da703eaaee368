import { closeSync, constants, lchownSync, lstatSync, openSync, readdirSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";

/**
 * Hands a file or a tree of ours to the user inside, when we are root. No link is ever followed, and each directory is
 * entered through its descriptor: a guest that put a link there, or swaps one in meanwhile, is given nothing of the host's.
 * (Node's own recursive listing follows links to directories.)
 */
export function giveTo(root: string, uid: number, gid: number): void {
  if (process.getuid?.() !== 0) return;
  lchownSync(root, uid, gid);
  if (lstatSync(root).isDirectory()) giveBelow(root, uid, gid);
}

function giveBelow(directory: string | Buffer, uid: number, gid: number): void {
  const fd = openAsDirectory(directory);
  if (fd === undefined) return;
  try {
    const base = Buffer.from(`/proc/self/fd/${fd}/`);
    for (const entry of readdirSync(base, { withFileTypes: true, encoding: "buffer" })) {
      const path = Buffer.concat([base, entry.name]);
      lchownSync(path, uid, gid);
      if (entry.isDirectory()) giveBelow(path, uid, gid);
    }
  } finally {
    closeSync(fd);
  }
}

/** undefined when it is no directory any more. */
function openAsDirectory(path: string | Buffer): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (thrown) {
    if (["ELOOP", "ENOTDIR", "ENOENT"].includes(errnoOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}
