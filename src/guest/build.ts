import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { z } from "zod";
import { errnoOf } from "../base/errors.ts";
import { writeDurably } from "../base/files.ts";
import { canonicalJson, sha256Hex } from "../base/hash.ts";
import { GUEST_PROGRAMS, type GuestProgram } from "./constants.ts";

/**
 * Makes one self-contained file of each guest program, because only single files travel into a sandbox. Run by itself
 * (`node src/guest/build.ts OUTDIR`) it fills a directory; a built package already holds the bundles beside this file.
 */
export type GuestBundles = {
  /** Where each program's bundle is. */
  bundles: Partial<Record<GuestProgram, string>>;
  /** Programs whose entry file does not exist: nothing was built for them, and nothing can be run. */
  absent: GuestProgram[];
};

/**
 * Bundles every program that has an entry into `outDir/<program>.mjs`. What is there already is taken when no byte of its
 * sources has changed. Safe against another process that does the same. Throws esbuild's error when a source does not parse.
 */
export async function buildGuest(outDir: string): Promise<GuestBundles> {
  const built: GuestBundles = { bundles: {}, absent: [] };
  mkdirSync(outDir, { recursive: true });
  for (const program of GUEST_PROGRAMS) {
    const prebuilt = join(import.meta.dirname, `${program}.mjs`);
    const entry = join(import.meta.dirname, program, "main.ts");
    if (existsSync(prebuilt)) built.bundles[program] = prebuilt;
    else if (existsSync(entry)) built.bundles[program] = await bundle(program, entry, outDir);
    else built.absent.push(program);
  }
  return built;
}

/** Sources by path relative to src/, with the hash each had, and the hash of the bundle they became. */
const Recipe = z.strictObject({ sources: z.record(z.string(), z.string()), bundle: z.string() });
type Recipe = z.infer<typeof Recipe>;

const SRC = resolve(import.meta.dirname, "..");

async function bundle(program: GuestProgram, entry: string, outDir: string): Promise<string> {
  const path = join(outDir, `${program}.mjs`);
  const recipePath = join(outDir, `${program}.recipe.json`);
  if (isFresh(readRecipe(recipePath), path)) return path;
  const { build } = await import("esbuild");
  const result = await build({
    absWorkingDir: SRC,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    // A package that ships both forms is taken as ES modules: requires of its UMD form cannot be followed.
    mainFields: ["module", "main"],
    // A person also copies the probe into sandboxes whose Node is whatever is there.
    target: program === "probe" ? "node20" : "node24",
    format: "esm",
    legalComments: "eof",
    logLevel: "silent",
    // Packages in CommonJS form ask for Node's modules by `require`, which an ES module has not.
    banner: {
      js: 'import { createRequire as guestRequire } from "node:module"; const require = guestRequire(import.meta.url);',
    },
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error(`esbuild made nothing of ${entry}`);
  const inputs = [relative(SRC, import.meta.filename), ...Object.keys(result.metafile.inputs)];
  const sources = Object.fromEntries(inputs.map((source) => [source, hashOfFile(source)]));
  const recipe: Recipe = { sources, bundle: sha256Hex(output.contents) };
  writeDurably(path, output.contents, 0o644);
  writeDurably(recipePath, canonicalJson(recipe), 0o644);
  return path;
}

function isFresh(recipe: Recipe | undefined, bundlePath: string): boolean {
  if (recipe === undefined || hashOfFile(bundlePath) !== recipe.bundle) return false;
  return Object.entries(recipe.sources).every(([source, hash]) => hashOfFile(source) === hash);
}

function readRecipe(path: string): Recipe | undefined {
  const text = existsSync(path) ? readFileSync(path, "utf8") : "null";
  const parsed = Recipe.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : undefined;
}

/** "" when there is no such file, which is no hash of any file. */
function hashOfFile(path: string): string {
  try {
    return sha256Hex(readFileSync(resolve(SRC, path)));
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return "";
    throw thrown;
  }
}

if (import.meta.main) {
  const [outDir = "dist/guest"] = process.argv.slice(2);
  const { bundles, absent } = await buildGuest(resolve(outDir));
  for (const [program, path] of Object.entries(bundles)) console.log(`${program}: ${relative(process.cwd(), path)}`);
  for (const program of absent) console.log(`${program}: no entry file, not built`);
}
