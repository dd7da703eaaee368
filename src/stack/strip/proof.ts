import { constants } from "node:fs";
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { join, relative } from "node:path";
import { throwIfStopped } from "../../base/errors.ts";
import { type Budget, budgetFor } from "../../canaries/inflate.ts";
import { matcher } from "../../canaries/matcher.ts";
import { DEPTH_MAX, views } from "../../canaries/views.ts";
import { reversed, writtenForms } from "../../canaries/written.ts";

/** A credential is left in the clone: a bug of ours. Says where and what kind, never the value; the cycle stops. */
export class CloneNotClean extends Error {
  readonly file: string;
  readonly kind: string;

  constructor(file: string, kind: string, encoding: string) {
    super(`the clone is not clean: ${file} still holds a ${kind} (${encoding})`);
    this.name = "CloneNotClean";
    this.file = file;
    this.kind = kind;
  }
}

/** What the proof looks for: the strings that show a credential's presence. */
export type Trace = { text: string; kind: string };

/** Where a credential is left; `start` and `end` span the outermost encoded form. */
export type Leak = { start: number; end: number; kind: string; encoding: string };

/** How many readings of the bytes are searched: plain, backwards, base64, hex, url, json, html, gzip and zlib. */
export const ENCODINGS = 9;

/** Finds traces by opening every encoding, and these in one another. `isWhole` is false when the bytes unfold beyond all measure. */
export function leakFinder(traces: readonly Trace[]): (bytes: Buffer) => { leaks: Leak[]; isWhole: boolean } {
  const needles = traces.flatMap((trace) => {
    const bytes = Buffer.from(trace.text, "latin1");
    return [...writtenForms(bytes), reversed(bytes)].map((form) => ({ bytes: form.bytes, tag: { form, trace } }));
  });
  const search = matcher(needles.filter((needle) => needle.bytes.length >= 4));
  const look = (bytes: Buffer, chain: readonly string[], budget: Budget, found: (leak: Leak) => void): void => {
    search.find(bytes, ({ tag, bytes: needle }, at) =>
      found({
        start: at,
        end: at + needle.length,
        kind: tag.trace.kind,
        encoding: [...chain, tag.form.encoding].join("+"),
      }),
    );
    if (chain.length >= DEPTH_MAX) return;
    for (const view of views(bytes, budget)) {
      look(view.bytes, [...chain, view.encoding], budget, (leak) => {
        const { start, end } = view.spanOf(leak.start, leak.end);
        found({ ...leak, start, end: Math.max(end, start + 1) });
      });
    }
  };
  return (bytes) => {
    const leaks: Leak[] = [];
    const budget = budgetFor(bytes.length, { bytes: 64 * bytes.length + 64 * 1024 * 1024, streams: 4_096 });
    look(bytes, [], budget, (leak) => leaks.push(leak));
    return { leaks, isWhole: !budget.isSpent };
  };
}

/**
 * Reads the finished clone from disk, names and links too, and throws CloneNotClean at the first trace. It shares the table of encodings
 * with the strippers and nothing else.
 */
export async function prove(
  root: string,
  traces: readonly Trace[],
  signal: AbortSignal,
): Promise<{ files: number; bytes: number }> {
  const leaksIn = leakFinder(traces);
  const total = { files: 0, bytes: 0 };
  const check = (bytes: Buffer, file: string): void => {
    const { leaks, isWhole } = leaksIn(bytes);
    const [leak] = leaks;
    if (leak !== undefined) throw new CloneNotClean(redacted(file, leaksIn), leak.kind, leak.encoding);
    if (!isWhole) throw new CloneNotClean(file, "text that unfolds too far to be read", "nested");
  };
  const walk = async (directory: string): Promise<void> => {
    for (const name of await readdir(directory)) {
      throwIfStopped(signal);
      const path = join(directory, name);
      const file = relative(root, path);
      check(Buffer.from(name), file);
      const stat = await lstat(path);
      if (stat.isDirectory()) await walk(path);
      else if (stat.isSymbolicLink()) check(Buffer.from(await readlink(path)), file);
      else {
        const bytes = await contentOf(path);
        total.files++;
        total.bytes += bytes.length;
        check(bytes, file);
      }
    }
  };
  await walk(root);
  return total;
}

async function contentOf(path: string): Promise<Buffer> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** A file whose very name is the credential is told by its directory. */
function redacted(file: string, leaksIn: ReturnType<typeof leakFinder>): string {
  return leaksIn(Buffer.from(file)).leaks.length === 0
    ? file
    : file
        .split("/")
        .map((step) => (leaksIn(Buffer.from(step)).leaks.length === 0 ? step : "…"))
        .join("/");
}
