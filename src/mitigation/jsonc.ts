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

/** Edits that take members out of an array or object, each with one of its commas, and with its line when it has one of its own. */
export function removals(text: string, container: Node, members: ReadonlySet<Node>): Edit[] {
  const all = container.children ?? [];
  const edits: Edit[] = [];
  let lastKept: Node | undefined;
  let trailing: Node[] = [];
  for (const member of all) {
    if (!members.has(member)) {
      for (const gone of trailing) edits.push(withItsComma(text, gone));
      trailing = [];
      lastKept = member;
    } else trailing.push(member);
  }
  const [first] = trailing;
  const last = trailing.at(-1);
  if (first === undefined || last === undefined) return edits;
  // At the end of the list the comma before goes instead of the one after.
  const start = lastKept === undefined ? first.offset : endOf(lastKept);
  const comma = commaAfter(text, endOf(last));
  const end = lastKept === undefined && comma !== undefined ? comma : endOf(last);
  return [...edits, { start, end, text: "" }];
}

export function endOf(node: Node): number {
  return node.offset + node.length;
}

function withItsComma(text: string, node: Node): Edit {
  const end = commaAfter(text, endOf(node)) ?? endOf(node);
  const lineStart = text.lastIndexOf("\n", node.offset - 1) + 1;
  const newline = text.indexOf("\n", end);
  const isAlone =
    text.slice(lineStart, node.offset).trim() === "" && newline >= 0 && text.slice(end, newline).trim() === "";
  if (isAlone) return { start: lineStart, end: newline + 1, text: "" };
  const space = /^[ \t]*/.exec(text.slice(end))?.[0].length ?? 0;
  return { start: node.offset, end: end + space, text: "" };
}

/** The offset behind the comma that follows, comments skipped; undefined when none follows. */
function commaAfter(text: string, offset: number): number | undefined {
  const scanner = createScanner(text, true);
  scanner.setPosition(offset);
  scanner.scan();
  return scanner.getTokenValue() === "," ? scanner.getPosition() : undefined;
}
