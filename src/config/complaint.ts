import { basename } from "node:path";
import { z } from "zod";
import { OperatorError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";
import { nearest } from "./nearest.ts";
import { lineOf, lineOfKey, type YamlDocument } from "./yaml.ts";

type Complaint = { line: number; message: string; hint: string };

/** Keys whose value may be a secret pasted in the wrong place: it is never repeated. */
const UNSPOKEN = new Set(["research.keyEnv", "research.baseUrl"]);

/** What is wrong with the file, as one line for the first mistake in reading order, and how many more there are. */
export function complaintOf(
  path: string,
  parsed: YamlDocument,
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
): OperatorError {
  // A misspelt key also leaves the right one missing: the spelling is the better thing to say.
  const spelling = (issue: z.core.$ZodIssue) => (issue.code === "unrecognized_keys" ? 0 : 1);
  const inOrder = [...issues].sort((a, b) => spelling(a) - spelling(b));
  const complaints = inOrder.flatMap((issue) => complain(parsed, issue, schema));
  complaints.sort((a, b) => a.line - b.line);
  const first = complaints[0];
  if (first === undefined) throw new TypeError("a complaint without an issue");
  const more = complaints.length > 1 ? ` (and ${complaints.length - 1} more)` : "";
  return new OperatorError(`${basename(path)}:${first.line}: ${first.message}${more}`, first.hint);
}

function complain(parsed: YamlDocument, issue: z.core.$ZodIssue, schema: z.ZodType): Complaint[] {
  if (issue.code === "unrecognized_keys") {
    const known = keysOf(at(schema, issue.path));
    return issue.keys.map((key) => {
      const guess = nearest(key, known);
      return {
        line: lineOfKey(parsed, issue.path, key),
        message: `${dotted([...issue.path, oneLine(key, 60)])}: unknown key`,
        hint: guess === undefined ? `the keys here are ${known.join(", ")}` : `did you mean ${guess}?`,
      };
    });
  }
  const line = lineOf(parsed, issue.path);
  const key = dotted(issue.path);
  const value = valueAt(parsed.value, issue.path);
  if (value === undefined) {
    return [{ line, message: `${key}: missing`, hint: `add ${key}: ${expectation(issue)}` }];
  }
  const shown = UNSPOKEN.has(key) ? "" : ` ${oneLine(JSON.stringify(value), 80)}`;
  return [{ line, message: `${key}:${shown} is not valid`, hint: hintFor(issue, value) }];
}

function hintFor(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === "invalid_value" && typeof value === "string") {
    const guess = nearest(value, issue.values.map(String));
    if (guess !== undefined) return `did you mean ${guess}? ${expectation(issue)}`;
  }
  return expectation(issue);
}

/** What would be right there. */
function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_value") {
    return issue.values.length === 1 ? `it is ${String(issue.values[0])}` : `one of ${issue.values.join(", ")}`;
  }
  if (issue.code === "invalid_type") return `it is ${articled(issue.expected)}`;
  if (issue.code === "too_small" && issue.origin !== "string" && issue.origin !== "array") {
    return `at least ${issue.minimum}`;
  }
  if (issue.code === "too_big") {
    const unit = issue.origin === "string" ? " characters" : issue.origin === "array" ? " entries" : "";
    return `at most ${issue.maximum}${unit}`;
  }
  return issue.message;
}

function articled(noun: string): string {
  const plain: Record<string, string> = {
    object: "a group of keys",
    array: "a list",
    string: "a text",
    int: "a whole number",
  };
  return plain[noun] ?? `a ${noun}`;
}

function dotted(path: readonly PropertyKey[]): string {
  return path.length === 0 ? "the file" : path.map(String).join(".");
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let here = value;
  for (const key of path) {
    if (typeof here !== "object" || here === null) return undefined;
    here = (here as Record<PropertyKey, unknown>)[key];
  }
  return here;
}

/** The schema of the value at a path, with defaults and optionals taken off. */
function at(schema: z.ZodType, path: readonly PropertyKey[]): z.ZodType {
  let here = unwrapped(schema);
  for (const key of path) {
    if (here instanceof z.ZodObject) here = unwrapped(here.shape[String(key)] as z.ZodType);
    else if (here instanceof z.ZodArray) here = unwrapped(here.element as z.ZodType);
  }
  return here;
}

function unwrapped(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return unwrapped(schema.unwrap() as z.ZodType);
  }
  return schema;
}

function keysOf(schema: z.ZodType): string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
