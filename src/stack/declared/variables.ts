import { posix } from "node:path";
import type { Roots } from "../reader.ts";
import type { Expanded } from "./draft.ts";

/** What the variables of a devcontainer.json stand for. `original` holds the real stack's paths, also when a clone is read. */
export type Meaning = { original: Roots; workspacePath: string };

/**
 * The text with `${localWorkspaceFolder}`, `${localEnv:HOME}` and their like put in. The host's environment is never
 * read: of any other `${localEnv:X}` only the default is known, and without one the text is `unknown`.
 */
export function expand(text: string, meaning: Meaning): Expanded {
  const host = expandMarked(text);
  if (host.status === "unknown") return host;
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

/**
 * A variable of the host in a text whose other variables are put in already (a compose file, a command line): between two
 * characters of Unicode's private use, which stand in no path.
 */
export function marked(variable: string): string {
  return `${OPEN}${variable.replaceAll(OPEN, "").replaceAll(CLOSE, "")}${CLOSE}`;
}

const OPEN = "\u{E000}";
const CLOSE = "\u{E001}";

/** The inverse of `marked`, for a text that is shown. */
export function unmarked(text: string): string {
  return text.replace(/\u{E000}([^\u{E001}]*)\u{E001}/gu, (_whole, name: string) => `\${${name}}`);
}

export function expandMarked(text: string): Expanded {
  const variable = /\u{E000}([^\u{E001}]*)\u{E001}/u.exec(text)?.[1];
  return variable === undefined ? { status: "known", text } : { status: "unknown", variable: `\${${variable}}` };
}

/**
 * What a few variables of a shell hold by convention, so that a mount of the home is known as one without reading the
 * environment. `PWD` is the directory in which the command is started, or in which the compose file lies.
 */
export function conventional(name: string, { original, pwd }: { original: Roots; pwd: string }): string | undefined {
  switch (name) {
    case "HOME":
      return original.home;
    case "PWD":
      return pwd;
    case "UID":
    case "GID":
      return "1000";
    case "XDG_RUNTIME_DIR":
      return "/run/user/1000";
    default:
      return undefined;
  }
}
