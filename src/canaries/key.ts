import { randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, linkSync, mkdirSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { syncDirectory, unlinkIfThere, writeAll } from "../base/files.ts";

/** By this file a state directory is known, wherever a person put it. */
export const KEY_NAME = "canaries.key";

const KEY_BYTES = 32;

/**
 * The installation's master key: 32 random bytes in `canaries.key` of the state directory, mode 0600, made on first
 * use. Every fake is derived from it, so who has it can tell our fakes from real credentials: it never enters a
 * sandbox. Throws OperatorError when the file is not a key of ours or others may read it.
 */
export function loadMasterKey(stateDirectory: string): Buffer {
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const path = join(stateDirectory, KEY_NAME);
  return readKey(path) ?? createKey(path) ?? mustRead(path);
}

/** undefined when there is none. */
function readKey(path: string): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    if (errnoOf(thrown) === "ELOOP") throw notAKey(path, "it is a link");
    throw thrown;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size !== KEY_BYTES) throw notAKey(path, `it is no file of ${KEY_BYTES} bytes`);
    if ((stat.mode & 0o077) !== 0) throw notAKey(path, "others may read or write it");
    const key = Buffer.alloc(KEY_BYTES);
    readSync(fd, key, 0, KEY_BYTES, 0);
    return key;
  } finally {
    closeSync(fd);
  }
}

/** Written aside and linked into place, so that a second process sees the whole key or none; undefined when that one was first. */
function createKey(path: string): Buffer | undefined {
  const key = randomBytes(KEY_BYTES);
  const aside = `${path}.${process.pid}.${key.readUInt32LE(0).toString(36)}`;
  const fd = openSync(aside, "wx", 0o600);
  try {
    writeAll(fd, key);
    linkSync(aside, path);
    syncDirectory(join(path, ".."));
    return key;
  } catch (thrown) {
    if (errnoOf(thrown) === "EEXIST") return undefined;
    throw thrown;
  } finally {
    closeSync(fd);
    unlinkIfThere(aside);
  }
}

function mustRead(path: string): Buffer {
  const key = readKey(path);
  if (key === undefined) throw new Error("the master key vanished while it was read");
  return key;
}

function notAKey(path: string, why: string): OperatorError {
  return new OperatorError(
    `the canary key ${path} cannot be used: ${why}`,
    "restore it from a backup with mode 0600, or move it away: old fakes are then only known from the registry",
  );
}
