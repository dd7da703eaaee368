import type { ParseArgsOptionsConfig } from "node:util";

/**
 * One command-line verb: a file each. It takes what was typed, calls one function, prints, and returns an exit code.
 * Long flags only. A verb that reads something has `--json`, which prints the stored shape whole.
 */
export type Verb = {
  name: string;
  /** One line for the list of verbs. */
  summary: string;
  /** After `weakdoor `, e.g. `clone DIR --out DIR`. */
  usage: string;
  options: ParseArgsOptionsConfig;
  /** How many words without a flag it takes at most; none when left out. */
  argumentsMax?: number;
  /** Resolves to the exit code of the design; throws OperatorError for what a person must put right. */
  run(input: VerbInput): Promise<number>;
};

export type VerbInput = {
  values: Record<string, string | boolean | (string | boolean)[] | undefined>;
  positionals: string[];
  io: Io;
  /** Absolute. */
  cwd: string;
  signal: AbortSignal;
};

export type Io = {
  /** One line to standard output. */
  out(line: string): void;
  /** One line to standard error. */
  err(line: string): void;
  /** A value to standard output, whole, as indented JSON. */
  json(value: unknown): void;
};

export const EXIT = {
  nothingNew: 0,
  bug: 1,
  operator: 2,
  newFindings: 10,
  regression: 11,
  incomplete: 20,
  nothingChecked: 21,
  logOrPreflight: 30,
  killed: 40,
} as const;

/** The text of an option, or undefined when it was not given. */
export function text(values: VerbInput["values"], name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

export function flag(values: VerbInput["values"], name: string): boolean {
  return values[name] === true;
}
