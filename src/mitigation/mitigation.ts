import type { Finding } from "../findings/finding.ts";

/**
 * A mitigation: one typed fix, and its undo beside it. It looks at a clone of the stack and says which bytes of which
 * files to exchange for which; `script.ts` writes that down as two shell scripts, `roundTrip.ts` proves both in fresh
 * clones, and only then is it offered to a person. It runs no command, and no model writes any part of it.
 *
 * A change is a `Hunk`: a literal text that occurs once, and the literal text that takes its place. To undo it is to
 * exchange the two, so a fix cannot be written without its reversal. A hunk holds only the lines it is about, never a
 * whole file: clone and real stack differ in their credentials, and a fake must not get into a script.
 */
export type Mitigation = {
  /** `file.action`, e.g. `mcp.pin-version`; named by the catalogue of weaknesses. */
  id: string;
  title: string;
  /** What else it changes, said to the approver. */
  effects: readonly string[];
  /** Which bytes would close this finding in this clone. Reads only. */
  plan(clone: StackFiles, finding: Finding): Promise<Plan>;
};

/** Host directories of a clone, absolute. */
export type StackFiles = { home: string; workspace: string };

export type Plan =
  | { status: "planned"; changes: [FileChange, ...FileChange[]] }
  /** Nothing to exchange, or not safely: the finding keeps its advice alone. */
  | { status: "not-applicable"; reason: string };

export type FileChange = {
  root: "home" | "workspace";
  /** Relative to the root, forward slashes. */
  path: string;
  /** In the order in which they are applied; they do not overlap. */
  hunks: [Hunk, ...Hunk[]];
  /** The whole file before and after, for the diff that people read; never for the scripts. */
  before: string;
  after: string;
};

/** The text that apply looks for, and what it puts there; reverse does the same the other way round. */
export type Hunk = { before: string; after: string };

/** `workspace/.mcp.json` */
export function nameOf(change: Pick<FileChange, "root" | "path">): string {
  return `${change.root}/${change.path}`;
}

export function notApplicable(reason: string): Plan {
  return { status: "not-applicable", reason };
}
