import { z } from "zod";
import { readText } from "./files.ts";
import type { StackFiles } from "./mitigation.ts";

/** Exact versions by package name. */
export type Versions = ReadonlyMap<string, string>;

/** A lock file of a large project has some ten thousand entries. */
const BYTES_MAX = 32 * 1024 * 1024;

const EXACT = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;

const Lock = z.object({ packages: z.record(z.string(), z.object({ version: z.string().optional() })).default({}) });
const Manifest = z.object({
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
});

/**
 * The exact versions that a workspace names: those of package-lock.json (version 2 or 3), which is what an install
 * puts there, before those that package.json gives without a range. Files that are not there name none.
 */
export async function versionsOf(clone: StackFiles): Promise<Versions> {
  const versions = new Map<string, string>();
  const manifest = Manifest.safeParse(await jsonOf(clone, "package.json"));
  for (const wanted of manifest.success ? [manifest.data.devDependencies, manifest.data.dependencies] : [])
    for (const [name, version] of Object.entries(wanted)) if (EXACT.test(version)) versions.set(name, version);
  const lock = Lock.safeParse(await jsonOf(clone, "package-lock.json"));
  for (const [place, { version }] of Object.entries(lock.success ? lock.data.packages : {})) {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(place)?.[1];
    if (name !== undefined && version !== undefined && EXACT.test(version)) versions.set(name, version);
  }
  return versions;
}

async function jsonOf(clone: StackFiles, path: string): Promise<unknown> {
  const file = await readText(clone, "workspace", path, BYTES_MAX);
  if (file.status === "unfit") return undefined;
  try {
    return JSON.parse(file.text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
