import { isUtf8 } from "node:buffer";
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";

/**
 * An open directory. What is in it is reached through its descriptor (`/proc/self/fd/N/name`, as openat does), so that swapping
 * a directory on the way for a link leads nowhere. Close it.
 */
export type Directory = {
  /** Names that are UTF-8, sorted, and how many others there are. */
  names(): { names: string[]; unreadable: number };
  /** Never follows a link. */
  stat(name: string): BigIntStats;
  open(name: string): Directory;
  link(name: string): string;
  /** The whole content of a regular file that `stat` saw, or why not. Never waits on a FIFO or a device. */
  read(name: string, seen: BigIntStats): { status: "read"; bytes: Buffer } | { status: "changed" };
  close(): void;
};

/** Throws the system's error (ENOENT, EACCES, ELOOP, ENOTDIR). */
export function openDirectory(path: string): Directory {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const base = throughDescriptor(fd) ?? path;
  return {
    names() {
      const raw = readdirSync(base, { encoding: "buffer" });
      const names = raw.filter((name) => isUtf8(name)).map((name) => name.toString("utf8"));
      return { names: names.sort(), unreadable: raw.length - names.length };
    },
    stat: (name) => lstatSync(join(base, name), { bigint: true }),
    open: (name) => openDirectory(join(base, name)),
    link: (name) => readlinkSync(join(base, name)),
    read(name, seen) {
      const file = openSync(join(base, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        const now = fstatSync(file, { bigint: true });
        if (!now.isFile() || now.ino !== seen.ino || now.dev !== seen.dev) return { status: "changed" };
        const bytes = readUpTo(file, Number(seen.size) + 1);
        return bytes.length > Number(seen.size) ? { status: "changed" } : { status: "read", bytes };
      } finally {
        closeSync(file);
      }
    },
    close: () => closeSync(fd),
  };
}

/** undefined where the system has no such directory: then the path itself is used, and a swap can be won in a race. */
function throughDescriptor(fd: number): string | undefined {
  const path = `/proc/self/fd/${fd}`;
  try {
    lstatSync(path);
    return `${path}/.`;
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

function readUpTo(fd: number, bytesMax: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytesMax);
  let length = 0;
  while (length < bytesMax) {
    const read = readSync(fd, buffer, length, bytesMax - length, length);
    if (read === 0) break;
    length += read;
  }
  return buffer.subarray(0, length);
}
