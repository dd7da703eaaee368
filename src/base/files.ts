import { closeSync, fsyncSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "./errors.ts";

/**
 * Replaces a file in one step: a temporary file beside it, fsync, rename, fsync of the directory. Readers see the old
 * bytes or the new ones; a crash or a full disk leaves the old ones and no temporary file.
 */
export function writeDurably(path: string, data: string | Uint8Array, mode = 0o600): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  let isInPlace = false;
  try {
    // What bears its name is left from a crash, or a trap: it is never written through.
    unlinkIfThere(temporary);
    const fd = openSync(temporary, "wx", mode);
    try {
      writeAll(fd, typeof data === "string" ? Buffer.from(data) : data);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
    isInPlace = true;
    syncDirectory(dirname(path));
  } finally {
    if (!isInPlace) unlinkIfThere(temporary);
  }
}

/** Makes a rename, a create or an unlink in this directory survive a power cut. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes every byte, however often the kernel takes only a part. */
export function writeAll(fd: number, data: Uint8Array): void {
  for (let done = 0; done < data.length; ) done += writeSync(fd, data, done, data.length - done);
}

export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
  }
}

/** At most `bytesMax` bytes of a file, and whether there was more. Never reads a 2 GB file into memory. */
export async function readBounded(path: string, bytesMax: number): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const file: FileHandle = await open(path, "r");
  try {
    const buffer = Buffer.alloc(bytesMax + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return { bytes: buffer.subarray(0, Math.min(length, bytesMax)), isWhole: length <= bytesMax };
  } finally {
    await file.close();
  }
}
