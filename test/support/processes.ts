import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { errnoOf } from "../../src/base/errors.ts";

/** This process and all that descend from it, parents first. One that ends meanwhile may be among them. */
export function processesBelow(root: number): number[] {
  const found = [root];
  for (const pid of found) found.push(...childrenOf(pid));
  return found;
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
      const children = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8");
      return children.split(" ").filter(Boolean).map(Number);
    });
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ESRCH") return [];
    throw thrown;
  }
}

const CHUNK_BYTES = 1024 * 1024;

/** Does the text stand in what the process can write to, or in its environment or command line? UTF-8 and UTF-16. */
export function isInMemory(pid: number, text: string): boolean {
  const needles = [Buffer.from(text), Buffer.from(text, "utf16le")];
  if (["environ", "cmdline"].some((file) => readFileSync(`/proc/${pid}/${file}`).includes(text))) return true;
  const memory = openSync(`/proc/${pid}/mem`, "r");
  try {
    return regions(pid).some(([start, end]) => isInRegion(memory, start, end, needles));
  } finally {
    closeSync(memory);
  }
}

/** Readable and writable, and present: a heap reserves far more than it fills. */
function regions(pid: number): [number, number][] {
  const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
  return [...maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)].map(([, start = "", end = ""]) => [
    Number.parseInt(start, 16),
    Number.parseInt(end, 16),
  ]);
}

function isInRegion(memory: number, start: number, end: number, needles: Buffer[]): boolean {
  const overlap = Math.max(...needles.map((needle) => needle.length));
  const chunk = Buffer.alloc(CHUNK_BYTES + overlap);
  for (let at = start; at < end; at += CHUNK_BYTES) {
    const wanted = Math.min(chunk.length, end - at);
    const read = readSync(memory, chunk, 0, wanted, at);
    if (needles.some((needle) => chunk.subarray(0, read).includes(needle))) return true;
  }
  return false;
}
