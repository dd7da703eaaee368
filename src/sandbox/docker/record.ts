import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { unlinkIfThere, writeDurably } from "../../base/files.ts";

/**
 * What names a container outside its engine: shims and gVisor's processes bear its id alone. Kept in `<run>/docker/<name>.json` from before
 * its first process starts until nothing of it is left, so that it is found also after a crash and without the engine.
 */
const DockerRecord = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{64}$/),
  driver: z.enum(["docker-runc", "docker-runsc"]),
  /** The file that holds its network namespace, once it has one. */
  netns: z.string().optional(),
});
export type DockerRecord = z.infer<typeof DockerRecord>;

export function writeRecord(runDirectory: string, name: string, record: DockerRecord): void {
  mkdirSync(recordDirectory(runDirectory), { recursive: true, mode: 0o700 });
  writeDurably(recordPath(runDirectory, name), JSON.stringify(record));
}

/** Undefined when no container of this name ever got as far as an id, or all of it is gone. */
export function readRecord(runDirectory: string, name: string): DockerRecord | undefined {
  const path = recordPath(runDirectory, name);
  return existsSync(path) ? DockerRecord.parse(JSON.parse(readFileSync(path, "utf8"))) : undefined;
}

/** Names of all that have a record of this driver. */
export function recordedNames(runDirectory: string, driver: DockerRecord["driver"]): string[] {
  const directory = recordDirectory(runDirectory);
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).flatMap((file) => /^(wd-.+)\.json$/.exec(file)?.[1] ?? []);
  return names.filter((name) => readRecord(runDirectory, name)?.driver === driver);
}

export function dropRecord(runDirectory: string, name: string): void {
  unlinkIfThere(recordPath(runDirectory, name));
}

const recordDirectory = (runDirectory: string): string => join(runDirectory, "docker");

const recordPath = (runDirectory: string, name: string): string =>
  join(recordDirectory(runDirectory), `${name}.json`);
