import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, realpath, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OperatorError } from "../../base/errors.ts";
import { exec } from "../../base/exec.ts";
import { GUEST_DIR } from "../../guest/wire.ts";
import type { Mount } from "../../sandbox/sandbox.ts";
import { AGENTS_DIR, type CommandLine } from "./find.ts";

/** Directories of programs inside, ours last. */
export const KIT_PATH = `/usr/local/bin:/usr/bin:/bin:${AGENTS_DIR}/bin`;

const BASH = "/bin/bash";

/**
 * What the command lines need of a system and our root file system lacks: a loader where programs look for it, the libraries that
 * they link to, a bash, a `node`. Made in `directory`, mounted read-only where a Debian has them. Throws OperatorError when the
 * machine has no bash, or a program's libraries cannot be told. `hasSandbox`: with what an agent makes a sandbox of its own with, as
 * far as this machine has it; where the machine has none, the agent finds none.
 */
export async function makeKit(
  directory: string,
  commandLines: readonly CommandLine[],
  { hasSandbox }: { hasSandbox: boolean },
): Promise<Mount[]> {
  const bash = await realpath(BASH).catch(() => {
    throw new OperatorError(`there is no ${BASH} here`, "apt-get install -y bash: the agents' shell tools start it");
  });
  const makers = hasSandbox ? await sandboxMakers() : [];
  const programs = [bash, process.execPath, ...makers, ...commandLines.flatMap(({ linked }) => linked)];
  const needs = await Promise.all(programs.map(async (program) => neededBy(await realpath(program))));
  const mounts: Mount[] = [];
  const bin = join(directory, "bin");
  await mkdir(bin, { recursive: true });
  await symlink(`${GUEST_DIR}/node`, join(bin, "node"));
  for (const maker of makers) {
    await copyFile(maker, join(bin, basename(maker)));
    await chmod(join(bin, basename(maker)), 0o755);
  }
  mounts.push({ kind: "bind", source: bin, path: `${AGENTS_DIR}/bin`, mode: "ro" });
  await copyFile(bash, join(directory, "bash"));
  await chmod(join(directory, "bash"), 0o755);
  mounts.push({ kind: "bind", source: join(directory, "bash"), path: BASH, mode: "ro" });
  for (const loader of new Set(needs.map((need) => need.loader))) {
    const copy = join(directory, basename(loader));
    await copyFile(loader, copy);
    await chmod(copy, 0o755);
    mounts.push({ kind: "bind", source: copy, path: loader, mode: "ro" });
  }
  const libraries = new Set(needs.flatMap((need) => need.libraries));
  for (const place of new Set([...libraries].map(dirname))) {
    const copies = join(directory, `lib${mounts.length}`);
    await mkdir(copies);
    for (const library of [...libraries].filter((one) => dirname(one) === place)) {
      await copyFile(library, join(copies, basename(library)));
      await chmod(join(copies, basename(library)), 0o644);
    }
    mounts.push({ kind: "bind", source: copies, path: place, mode: "ro" });
  }
  return mounts;
}

/** code.claude.com/docs/en/sandboxing and geminicli.com/docs/cli/sandbox name these. */
const MAKERS = ["bwrap", "socat", "rg"];
const PROGRAM_DIRECTORIES = ["/usr/local/bin", "/usr/bin", "/bin"];

function sandboxMakers(): Promise<string[]> {
  const found = MAKERS.map(placeOf).filter((path) => path !== undefined);
  return Promise.all(found.map((path) => realpath(path)));
}

/** What an agent would look for in vain, on this machine as in the room. */
export function missingMakers(): string[] {
  return MAKERS.filter((name) => placeOf(name) === undefined);
}

function placeOf(name: string): string | undefined {
  return PROGRAM_DIRECTORIES.map((directory) => join(directory, name)).find((path) => existsSync(path));
}

async function neededBy(program: string): Promise<{ loader: string; libraries: string[] }> {
  const { code, stdout } = await exec(["ldd", program], { timeoutMs: 10_000 });
  const paths = stdout.split("\n").flatMap((line) => /(?:^|=>)\s*(\/\S+)\s/.exec(line)?.[1] ?? []);
  const loader = paths.find((path) => /\/ld[-.]/.test(path));
  if (code !== 0 || loader === undefined)
    throw new OperatorError(`ldd does not tell what ${program} needs`, "name another installation of it");
  return { loader, libraries: paths.filter((path) => path !== loader) };
}
