import type { Access, Category } from "../../guest/observation.ts";
import type { Discovered } from "../discover.ts";
import type { StackReader } from "../reader.ts";
import type { Declared } from "../stack.ts";

/** One question to the stack's configuration files. It reads, runs nothing, and answers in rows. */
export type AuditCheck = {
  /** Kebab case; the part of an observation's id before the colon. */
  check: string;
  category: Category;
  run(input: AuditInput): Promise<AuditRow[]>;
};

export type AuditInput = { reader: StackReader; discovered: Discovered; declared: Declared };

export type AuditRow = {
  /** After the colon of the id; none when a check has one row only. */
  instance?: string;
  subject: string;
  verdict: "reachable" | "absent" | "not-measured";
  /** Empty unless reachable. */
  access?: Access[];
  /** Names and places, never the value of a credential. */
  detail: string;
};

/** A not-measured row for each file of the stack that could not be read and that the check would have looked at. */
export function unreadRows(discovered: Discovered, matches: (file: string) => boolean): AuditRow[] {
  return discovered.problems
    .filter(({ file }) => matches(file))
    .map(({ file, line, message }) => ({
      instance: file,
      subject: file,
      verdict: "not-measured",
      detail: `${file}${line === null ? "" : `:${line}`}: ${message}`,
    }));
}

/** Settings of an agent, in which servers, hooks and permissions stand. */
export function isSettingsFile(file: string): boolean {
  return /\.(json|toml)$/.test(file) && !file.endsWith("devcontainer.json");
}
