import { readFile as readBytes } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { exec } from "../../base/exec.ts";
import { oneLine } from "../../base/text.ts";
import type { Source } from "../../sources/source.ts";
import { jsonOf } from "../body.ts";
import { Read } from "./reading.ts";

/** Reads a file, or bytes of ours, as a source has it. Rejects with the signal's reason, and when the file is not there. */
export type Reader = (
  source: Source,
  mediaType: string,
  from: string | Uint8Array,
  signal: AbortSignal,
) => Promise<Read>;

const READ_MS = 60_000;
const HEAP_MIB = 768;
const OUTPUT_BYTES_MAX = 32 * 1024 * 1024;

/** In a process of its own; see `readProcess.ts`. */
export const readInProcess: Reader = async (source, mediaType, from, signal) => {
  const result = await exec(
    [
      process.execPath,
      `--max-old-space-size=${HEAP_MIB}`,
      "--permission",
      ...readable().map((path) => `--allow-fs-read=${path}`),
      entry(),
      source.id,
      mediaType,
    ],
    {
      env: {},
      stdin: typeof from === "string" ? await readBytes(from) : from,
      timeoutMs: READ_MS,
      outputBytesMax: OUTPUT_BYTES_MAX,
      signal,
    },
  );
  const { code, stdout, stderr, isTimedOut, isTruncated } = result;
  if (isTimedOut) return unreadable(`it took longer than ${READ_MS / 1_000} s to read`);
  if (isTruncated) return unreadable("there is more in it than is taken here");
  if (code !== 0)
    return unreadable(`the reader ended with ${code ?? "a signal"}: ${oneLine(stderr.slice(-200), 200)}`);
  const read = Read.safeParse(jsonOf(Buffer.from(stdout)));
  return read.success ? read.data : unreadable("the reader's answer has another shape");
};

function unreadable(reason: string): Read {
  return { status: "unreadable", reason };
}

function entry(): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`./readProcess.${extension}`, import.meta.url));
}

/** Our own code and every place where Node looks for packages, links followed; nothing of state, keys or clones. */
function readable(): string[] {
  const code = fileURLToPath(new URL("../..", import.meta.url));
  const linked = fileURLToPath(import.meta.resolve("cheerio"));
  const places = [linked.slice(0, linked.indexOf(MODULES)), ...above(code)].map((place) => `${place}${MODULES}*`);
  return [`${code}*`, join(dirname(code), "package.json"), ...new Set(places)];
}

const MODULES = `${sep}node_modules${sep}`;

/** The directories that a path lies in, the nearest first, the root as an empty string. */
function above(path: string): string[] {
  const parts = path.split(sep).slice(0, -1);
  return parts.map((_, i) => parts.slice(0, parts.length - i).join(sep));
}
