import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { z } from "zod";
import { errnoOf } from "../base/errors.ts";
import { canonicalJson, hashOf } from "../base/hash.ts";
import type { Position } from "./segments.ts";

/**
 * A position kept in a small file, so that an append or a checkpoint need not walk the log from its start. It is a
 * short cut and no evidence: it can be derived from the leaves, carries a hash of itself, and one that does not fit
 * its hash is as good as none. Written in place in one page, which a killed writer leaves whole or untouched.
 */

/** Undefined when there is none, or it is damaged. */
export function readMark(path: string): Position | undefined {
  const mark = Mark.safeParse(jsonIn(path));
  if (!mark.success) return undefined;
  const { sha256, ...position } = mark.data;
  if (hashOf(position) !== sha256) return undefined;
  const hashes = position.hashes.map((hash) => Buffer.from(hash, "base64"));
  return { edge: { size: position.size, hashes }, segment: position.segment, bytes: position.bytes };
}

export function writeMark(path: string, position: Position): void {
  const hashes = position.edge.hashes.map((hash) => Buffer.from(hash).toString("base64"));
  const plain = { size: position.edge.size, hashes, segment: position.segment, bytes: position.bytes };
  const text = canonicalJson({ ...plain, sha256: hashOf(plain) }).padEnd(PAGE_BYTES - 1);
  const fd = openForUpdate(path);
  try {
    writeSync(fd, `${text}\n`, 0);
  } finally {
    closeSync(fd);
  }
}

/** Room for a log of 2^53 leaves: 53 hashes of 47 characters. */
const PAGE_BYTES = 4096;

const Mark = z.strictObject({
  size: z.int().nonnegative(),
  hashes: z.array(z.base64().length(44)).max(53),
  segment: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  sha256: z.string(),
});

function jsonIn(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (thrown) {
    if (thrown instanceof SyntaxError || errnoOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

function openForUpdate(path: string): number {
  try {
    return openSync(path, "r+");
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    return openSync(path, "w", 0o600);
  }
}
