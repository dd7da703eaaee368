import { posix } from "node:path";
import type { Roots } from "../reader.ts";

/** What the variables of a devcontainer.json stand for. `original` holds the real stack's paths, also when a clone is read. */
export type Meaning = { original: Roots; workspacePath: string };

/**
 * The text with `${localWorkspaceFolder}`, `${localEnv:HOME}` and their like put in. The host's environment is never
 * read: of any other `${localEnv:X}` only the default is known, and without one the text is `unknown`.
 */
export function expand(
  text: string,
  meaning: Meaning,
): { status: "known"; text: string } | { status: "unknown"; variable: string } {
  let unknown: string | undefined;
  const { home, workspace } = meaning.original;
  const expanded = text.replace(/\$\{([^}]*)\}/g, (whole, name: string) => {
    const [kind = "", variable = "", ...fallback] = name.split(":");
    if (name === "localWorkspaceFolder") return workspace;
    if (name === "localWorkspaceFolderBasename") return posix.basename(workspace);
    if (name === "containerWorkspaceFolder") return meaning.workspacePath;
    if (name === "containerWorkspaceFolderBasename") return posix.basename(meaning.workspacePath);
    if (name === "devcontainerId") return "devcontainer";
    if (kind === "localEnv" && variable === "HOME") return home;
    // Set on Windows alone; `${localEnv:HOME}${localEnv:USERPROFILE}` is how a home is written for both.
    if (kind === "localEnv" && variable === "USERPROFILE") return "";
    if (kind === "localEnv" && fallback.length > 0) return fallback.join(":");
    unknown ??= whole;
    return whole;
  });
  return unknown === undefined ? { status: "known", text: expanded } : { status: "unknown", variable: unknown };
}
