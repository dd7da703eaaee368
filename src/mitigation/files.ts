import { lstat, readlink } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { readBounded } from "../base/files.ts";
import { type Edit, hunksOf } from "./edit.ts";
import { type FileChange, notApplicable, type Plan, type StackFiles } from "./mitigation.ts";

/** Larger configuration files than this are nobody's handwriting, and no shell should be asked to hold them. */
const BYTES_MAX = 1024 * 1024;

export type Text =
  | { status: "read"; root: FileChange["root"]; path: string; text: string }
  | { status: "unfit"; reason: string };

/**
 * A text file of the clone, as it is: no link is followed on the way, and what a script could not give back byte for
 * byte (not UTF-8, NUL or the control character that the scripts use as a separator) is unfit.
 */
export async function readText(
  clone: StackFiles,
  root: FileChange["root"],
  path: string,
  bytesMax = BYTES_MAX,
): Promise<Text> {
  const name = `${root}/${path}`;
  let at = clone[root];
  for (const part of path.split("/")) {
    at = join(at, part);
    try {
      const stat = await lstat(at);
      if (stat.isSymbolicLink())
        return { status: "unfit", reason: `${name} is reached through a link to ${await readlink(at)}` };
    } catch (thrown) {
      if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ENOTDIR")
        return { status: "unfit", reason: `there is no ${name}` };
      throw thrown;
    }
  }
  if (!(await lstat(at)).isFile()) return { status: "unfit", reason: `${name} is not a regular file` };
  const { bytes, isWhole } = await readBounded(at, bytesMax);
  if (!isWhole) return { status: "unfit", reason: `${name} is larger than ${bytesMax} bytes` };
  const text = decode(bytes);
  if (text === undefined) return { status: "unfit", reason: `${name} is not plain UTF-8 text` };
  return { status: "read", root, path, text };
}

/** A plan of edits to files that were read, or why there is none. Files without an edit are left out. */
export function planOf(edited: readonly { file: Text & { status: "read" }; edits: readonly Edit[] }[]): Plan {
  const changes: FileChange[] = [];
  for (const { file, edits } of edited) {
    if (edits.length === 0) continue;
    const result = hunksOf(file.text, edits);
    if (result.status === "ambiguous") return notApplicable(`${file.root}/${file.path}: ${result.reason}`);
    changes.push({
      root: file.root,
      path: file.path,
      hunks: result.hunks,
      before: file.text,
      after: result.after,
    });
  }
  const [first, ...rest] = changes;
  if (first === undefined) return notApplicable("there is nothing to change");
  return { status: "planned", changes: [first, ...rest] };
}

function decode(bytes: Uint8Array): string | undefined {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const isExact = Buffer.from(text, "utf8").equals(bytes);
  return isExact && !text.includes("\u0000") && !text.includes("\u0001") ? text : undefined;
}
