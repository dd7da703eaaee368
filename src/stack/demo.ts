import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { type MadeUp, madeUpCredentials } from "./demoCredentials.ts";
import { writeHistory } from "./demoHistory.ts";
import type { Roots } from "./reader.ts";

/**
 * The demo stack of `sandboxes/demo`, made real in a directory: a home, the workspace `harbor-desk` with a git history,
 * and a `weakdoor.yaml` beside them. The same bytes each time; its credentials are made up here and open nothing.
 * See sandboxes/demo/README.md for the six weaknesses and the eight places with credentials.
 */
export async function buildDemo(out: string): Promise<Roots & { config: string }> {
  const directory = resolve(out);
  const home = join(directory, "home");
  const workspace = join(directory, "harbor-desk");
  await clearEarlier(directory);
  const values = madeUpCredentials();
  await materialise("home", home, values);
  await materialise("workspace", workspace, values);
  // The token came in by a local change that was never committed: the history holds the reference that it replaced.
  await writeHistory(
    workspace,
    await materialised(DEVCONTAINER, { ...values, githubToken: "${localEnv:GITHUB_TOKEN}" }),
  );
  const config = join(directory, "weakdoor.yaml");
  await copyFile(join(TEMPLATES, "weakdoor.yaml"), config);
  return { home, workspace, config };
}

const TEMPLATES = join(import.meta.dirname, "../../sandboxes/demo");
const DEVCONTAINER = "workspace/dot-devcontainer/devcontainer.json";
const MARK = ".weakdoor-demo";

/** Files that only their owner may read, as the tools that write them leave them. */
const PRIVATE = /\/(\.credentials\.json|auth\.json|credentials|id_ed25519|\.npmrc|\.netrc|hosts\.yml)$/;

/** Removes an earlier demo, known by its mark, and refuses a directory that holds anything else. */
async function clearEarlier(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const names = await readdir(directory);
  if (names.length > 0 && !names.includes(MARK)) {
    throw new OperatorError(
      `${directory}: not empty, and no demo stack of ours`,
      "name an empty directory for the demo",
    );
  }
  for (const name of ["home", "harbor-desk"]) await rm(join(directory, name), { recursive: true, force: true });
  await writeFile(join(directory, MARK), "made by weakdoor: safe to delete\n");
}

/** Template files are named `dot-x` for `.x`, so that no tool takes them for its own settings in our checkout. */
async function materialise(part: "home" | "workspace", target: string, values: MadeUp): Promise<void> {
  for (const entry of await readdir(join(TEMPLATES, part), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const template = join(entry.parentPath, entry.name).slice(TEMPLATES.length + 1);
    const path = join(target, template.slice(part.length + 1).replaceAll(/(^|\/)dot-/g, "$1."));
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeFile(path, await materialised(template, values));
    await chmod(path, PRIVATE.test(path) ? 0o600 : 0o644);
  }
  if (part === "home") await chmod(join(target, ".ssh"), 0o700);
}

async function materialised(template: string, values: MadeUp): Promise<string> {
  const text = await read(join(TEMPLATES, template));
  return text.replace(/\{\{(\w+)\}\}/g, (_whole, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name as keyof MadeUp] : undefined;
    if (value === undefined) throw new TypeError(`${template}: no value for {{${name}}}`);
    return value;
  });
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    throw new OperatorError(`${path}: no such file`, "the package is incomplete: install it again", {
      cause: thrown,
    });
  }
}
