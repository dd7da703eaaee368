import { closeSync, fdatasyncSync, ftruncateSync, openSync } from "node:fs";
import { join } from "node:path";
import { syncDirectory, writeAll } from "../base/files.ts";
import { type Line, linesOf } from "./segments.ts";

/**
 * Every checkpoint that was signed, as one JSON string a line, in `checkpoints.jsonl` beside the leaves. Sizes only
 * grow: one that comes late, after a larger one is there, is not kept (the larger one covers it).
 */
export const CHECKPOINTS = "checkpoints.jsonl";

/** Called by one process at a time. A torn last line is cut first. */
export function keepCheckpoint(directory: string, note: string): void {
  const path = join(directory, CHECKPOINTS);
  const lines = [...linesOf(path, 0)];
  const last = lines.findLast((line) => line.isWhole);
  if (last !== undefined && sizeIn(noteOf(last) ?? "") >= sizeIn(note)) return;
  const fd = openSync(path, "a", 0o600);
  try {
    if (lines.some((line) => !line.isWhole)) ftruncateSync(fd, last?.end ?? 0);
    writeAll(fd, Buffer.from(`${JSON.stringify(note)}\n`));
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
  if (last === undefined) syncDirectory(directory);
}

/** The note on a line; undefined when it is not one JSON string in its one spelling. */
export function noteOf(line: Line): string | undefined {
  const text = line.bytes.toString("utf8");
  try {
    const note: unknown = JSON.parse(text);
    return line.isWhole && typeof note === "string" && JSON.stringify(note) === text ? note : undefined;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

/** The newest kept note, unchecked; undefined when none was ever signed. */
export function newestCheckpoint(directory: string): string | undefined {
  return [...linesOf(join(directory, CHECKPOINTS), 0)].map(noteOf).findLast((note) => note !== undefined);
}

function sizeIn(note: string): number {
  return Number(note.split("\n")[1] ?? -1);
}
