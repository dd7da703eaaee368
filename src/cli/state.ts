import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { ParseArgsOptionsConfig } from "node:util";
import { errnoOf, OperatorError } from "../base/errors.ts";
import { CONFIG_NAME } from "../config/name.ts";
import { text, type VerbInput } from "./verb.ts";

/** Options of every verb that reads or writes what cycles keep. */
export const STATE_OPTIONS = {
  state: { type: "string" },
  config: { type: "string" },
} as const satisfies ParseArgsOptionsConfig;

/** `--state`, else `.weakdoor/` beside the configuration (`--config`, else weakdoor.yaml here). Absolute; may not be there yet. */
export function stateDirOf(values: VerbInput["values"], cwd: string): string {
  const given = text(values, "state");
  if (given !== undefined) return resolve(cwd, given);
  return join(dirname(resolve(cwd, text(values, "config") ?? CONFIG_NAME)), ".weakdoor");
}

/** The state directory of cycles that ran. Throws OperatorError when there is none. */
export function requireState(values: VerbInput["values"], cwd: string): string {
  const stateDir = stateDirOf(values, cwd);
  if (existsSync(stateDir)) return stateDir;
  throw new OperatorError(
    `there is no state directory ${stateDir}`,
    "run a cycle first, or name the directory with --state",
  );
}

/** The state directory, made when it is not there; only its owner may look inside. */
export function makeState(values: VerbInput["values"], cwd: string): string {
  const stateDir = stateDirOf(values, cwd);
  makeDirectory(stateDir, 0o700);
  return stateDir;
}

/** A directory that this user can write to, made with `mode` when it is not there. Throws OperatorError when it cannot be one. */
export function makeDirectory(path: string, mode: number): void {
  try {
    makeWithParents(path, mode);
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code !== "EEXIST" && code !== "ENOTDIR" && code !== "ENOENT" && code !== "ELOOP" && code !== "ENAMETOOLONG")
      throw thrown;
    throw new OperatorError(`${path} cannot be made a directory (${code})`, "name another directory", {
      cause: thrown,
    });
  }
}

/** Node's recursive mkdir says ENOENT on a read-only disk; the plain one tells the truth. */
function makeWithParents(path: string, mode: number): void {
  try {
    mkdirSync(path, { recursive: true, mode });
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    mkdirSync(path, { mode });
  }
}
