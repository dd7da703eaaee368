import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import { parse as parseTomlText, TomlError } from "smol-toml";
import { parseDocument } from "yaml";
import { messageOf } from "../base/errors.ts";

/** Parses other people's files, for reading only. Undefined when empty or after `report`, which gets a line from 1. */
export type Parser = (source: string, report: (line: number | null, message: string) => void) => unknown;

export const parseJson: Parser = (source, report) => {
  if (source.trim() === "") return undefined;
  const errors: ParseError[] = [];
  const value: unknown = parse(source, errors, { allowTrailingComma: true });
  const first = errors[0];
  if (first === undefined) return value;
  report(lineAt(source, first.offset), `not JSON: ${printParseErrorCode(first.error)}`);
  return undefined;
};

export const parseToml: Parser = (source, report) => {
  try {
    return parseTomlText(source);
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown;
    report(thrown.line, `not TOML: ${messageOf(thrown).split("\n")[0] ?? ""}`);
    return undefined;
  }
};

export const parseYaml: Parser = (source, report) => {
  const document = parseDocument(source, { prettyErrors: false });
  const first = document.errors[0];
  if (first === undefined) {
    try {
      return document.toJS({ maxAliasCount: 100 });
    } catch (thrown) {
      if (!(thrown instanceof ReferenceError)) throw thrown;
      report(null, "its aliases unfold too far to be read");
      return undefined;
    }
  }
  report(lineAt(source, first.pos[0]), `not YAML: ${first.message}`);
  return undefined;
};

function lineAt(source: string, offset: number): number {
  return source.slice(0, offset).split("\n").length;
}

/** An own property of a parsed object, never an inherited one; undefined of anything else. */
export function field(value: unknown, ...path: string[]): unknown {
  let here = value;
  for (const key of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, key)) return undefined;
    here = (here as Record<string, unknown>)[key];
  }
  return here;
}

/** The own entries of a parsed object; none of anything else. */
export function entries(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The texts of a list; whatever else stands in it is left out. */
export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

/** One step of a JSON pointer (RFC 6901). */
export function pointer(...path: (string | number)[]): string {
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
