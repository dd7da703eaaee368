import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { unlinkIfThere } from "../../base/files.ts";
import { type DriverKind, isDriverKind } from "../sandbox.ts";

/**
 * What names a container outside its engine: shims and gVisor's processes bear its id alone. Kept in `<run>/docker/<name>.json` from before
 * its first process starts until nothing of it is left, so that it is found also after a crash and without the engine. Not
 * synced to the disk: a power cut ends what it would find.
 */
const DockerRecord = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{64}$/),
  driver: z.custom<DriverKind>((value) => typeof value === "string" && isDriverKind(value)),
  /** Of the engine that has it, which need not be the one that is asked today. */
  socket: z.string(),
  /** With it dies everything in its process namespace. Absent until it has started. */
  first: z.strictObject({ pid: z.int().positive(), startTime: z.string() }).optional(),
  /** The file that holds its network namespace, once it has one. */
  netns: z.string().optional(),
  /** `mnt:[…]`, of the engine's mounts when they are not ours: a rootless engine has its own. */
  mountNamespace: z.string().optional(),
});
export type DockerRecord = z.infer<typeof DockerRecord>;

export function writeRecord(runDirectory: string, name: string, record: DockerRecord): void {
  mkdirSync(recordDirectory(runDirectory), { recursive: true, mode: 0o700 });
  const path = recordPath(runDirectory, name);
  writeFileSync(`${path}.tmp`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

/** Undefined when no container of this name ever got as far as an id, or all of it is gone. */
export function readRecord(runDirectory: string, name: string): DockerRecord | undefined {
  const path = recordPath(runDirectory, name);
  return existsSync(path) ? DockerRecord.parse(JSON.parse(readFileSync(path, "utf8"))) : undefined;
}

/** All that have a record, by name. */
export function recorded(runDirectory: string): { name: string; driver: DriverKind }[] {
  const directory = recordDirectory(runDirectory);
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).flatMap((file) => /^(wd-.+)\.json$/.exec(file)?.[1] ?? []);
  return names.flatMap((name) => {
    const record = readRecord(runDirectory, name);
    return record === undefined ? [] : [{ name, driver: record.driver }];
  });
}

export function dropRecord(runDirectory: string, name: string): void {
  unlinkIfThere(recordPath(runDirectory, name));
}

const recordDirectory = (runDirectory: string): string => join(runDirectory, "docker");

const recordPath = (runDirectory: string, name: string): string =>
  join(recordDirectory(runDirectory), `${name}.json`);
