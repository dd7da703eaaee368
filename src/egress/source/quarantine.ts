import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/**
 * Where a file lies from its first byte until it has been read: a directory of its own for each fetch, 0700, its files
 * 0600 and named by number, so that no name from outside is ever one on this disk. Gone when the fetch is over.
 */
export type Quarantine = {
  /** A path that is not there yet. */
  next(): string;
  /** Keeps an infected file aside for a person to look at, by its hash; what is there before stays. */
  setAside(file: string): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** So many infected files are worth keeping; those that come after are only told of. */
const ASIDE_MAX = 20;

export async function quarantine(directory: string): Promise<Quarantine> {
  const aside = join(directory, "infected");
  mkdirSync(aside, { recursive: true, mode: 0o700 });
  const own = await mkdtemp(join(directory, "q-"));
  let files = 0;
  return {
    next: () => join(own, `${files++}`),
    async setAside(file) {
      if (readdirSync(aside).length >= ASIDE_MAX) return;
      renameSync(file, join(aside, await sha256Of(file)));
    },
    [Symbol.asyncDispose]: () => rm(own, { recursive: true, force: true }),
  };
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

export function bytesOf(file: string): number {
  return statSync(file).size;
}
