import { createScanner, type Node, type ParseError, parseTree } from "jsonc-parser";
import type { Edit } from "./edit.ts";

/** The tree of a JSON file with comments and trailing commas, or undefined when it has a syntax error or is no object. */
export function treeOf(text: string): Node | undefined {
  const errors: ParseError[] = [];
  const start = text.startsWith("\ufeff") ? text.slice(1) : text;
  // Positions must be those of the file, so a file that begins with a byte-order mark is left alone.
  if (start !== text) return undefined;
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  return errors.length === 0 && tree?.type === "object" ? tree : undefined;
}

/** The property node of a key, so that its own position can be had. */
export function propertyOf(object: Node | undefined, key: string): Node | undefined {
  return object?.children?.find((property) => property.children?.[0]?.value === key);
}

export function valueOf(object: Node | undefined, key: string): Node | undefined {
  return propertyOf(object, key)?.children?.[1];
}

export function stringOf(node: Node | undefined): string | undefined {
  return node?.type === "string" && typeof node.value === "string" ? node.value : undefined;
}

/** Edits that take members out of an array or object, each run of them with one of its commas, and with its lines when it has them to itself. */
export function removals(text: string, container: Node, members: ReadonlySet<Node>): Edit[] {
  const edits: Edit[] = [];
  let lastKept: Node | undefined;
  let run: Run | undefined;
  for (const member of container.children ?? []) {
    if (members.has(member)) run = { first: run?.first ?? member, last: member };
    else {
      if (run !== undefined) edits.push(withItsComma(text, run));
      run = undefined;
      lastKept = member;
    }
  }
  if (run === undefined) return edits;
  // At the end of the list the comma before goes instead of the one after.
  const start = lastKept === undefined ? run.first.offset : endOf(lastKept);
  const comma = commaAfter(text, endOf(run.last));
  const end = lastKept === undefined && comma !== undefined ? comma : endOf(run.last);
  return [...edits, { start, end, text: "" }];
}

type Run = { first: Node; last: Node };

export function endOf(node: Node): number {
  return node.offset + node.length;
}

function withItsComma(text: string, { first, last }: Run): Edit {
  const end = commaAfter(text, endOf(last)) ?? endOf(last);
  const lineStart = text.lastIndexOf("\n", first.offset - 1) + 1;
  const newline = text.indexOf("\n", end);
  const isAlone =
    text.slice(lineStart, first.offset).trim() === "" && newline >= 0 && text.slice(end, newline).trim() === "";
  if (isAlone) return { start: lineStart, end: newline + 1, text: "" };
  const space = /^[ \t]*/.exec(text.slice(end))?.[0].length ?? 0;
  return { start: first.offset, end: end + space, text: "" };
}

/** The offset behind the comma that follows, comments skipped; undefined when none follows. */
function commaAfter(text: string, offset: number): number | undefined {
  const scanner = createScanner(text, true);
  scanner.setPosition(offset);
  scanner.scan();
  return text[scanner.getTokenOffset()] === "," ? scanner.getPosition() : undefined;
}
