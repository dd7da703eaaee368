import { basename } from "node:path";
import { type Document, LineCounter, parseDocument } from "yaml";
import { OperatorError } from "../base/errors.ts";
import { oneLine } from "../base/text.ts";

/** A YAML file as plain values, with what is needed to say on which line a key stands. */
export type YamlDocument = { value: unknown; document: Document; lines: LineCounter };

/** Depth of nesting; our own file needs four. Parsers recurse, and a deeper one is an attack or an accident. */
const DEPTH_MAX = 64;

/**
 * Parses one document of YAML 1.2 core. Syntax errors, duplicate keys, unknown tags, a second document and aliases
 * (which can make a small file unfold into gigabytes) are each an OperatorError on one line.
 */
export function parseYaml(path: string, bytes: Uint8Array): YamlDocument {
  const name = basename(path);
  const text = decode(name, bytes);
  refuseDeepNesting(name, text);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    const line = lines.linePos(problem.pos[0]).line;
    throw new OperatorError(`${name}:${line}: ${sentence(problem.message)}`, "correct the YAML on this line");
  }
  try {
    return { value: document.toJS({ maxAliasCount: 0 }), document, lines };
  } catch (thrown) {
    if (!(thrown instanceof ReferenceError)) throw thrown;
    throw new OperatorError(`${name}: aliases (*name) are not read`, "write the value out in each place", {
      cause: thrown,
    });
  }
}

/** The line, from 1, of the value at a path; of its nearest parent that is there when it is not. */
export function lineOf(parsed: YamlDocument, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = parsed.document.getIn(path.slice(0, length), true);
    const range = rangeOf(node);
    if (range !== undefined) return parsed.lines.linePos(range).line;
  }
  return 1;
}

/** The line of a key, which for a value written below its key is not the value's. */
export function lineOfKey(parsed: YamlDocument, path: readonly PropertyKey[], key: string): number {
  const parent: unknown = path.length === 0 ? parsed.document.contents : parsed.document.getIn(path, true);
  if (typeof parent === "object" && parent !== null && "items" in parent && Array.isArray(parent.items)) {
    for (const item of parent.items as { key?: { value?: unknown } }[]) {
      const range = item.key?.value === key ? rangeOf(item.key) : undefined;
      if (range !== undefined) return parsed.lines.linePos(range).line;
    }
  }
  return lineOf(parsed, path);
}

function rangeOf(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node) || !Array.isArray(node.range)) return undefined;
  const start: unknown = node.range[0];
  return typeof start === "number" ? start : undefined;
}

function decode(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
    throw new OperatorError(`${name}: not UTF-8 text`, "save the file as UTF-8", { cause: thrown });
  }
}

/** Counts brackets and indentation without parsing: an upper bound, brackets inside strings included. */
function refuseDeepNesting(name: string, text: string): void {
  let brackets = 0;
  let line = 1;
  for (const character of text) {
    if (character === "\n") line++;
    else if (character === "[" || character === "{") brackets++;
    else if (character === "]" || character === "}") brackets = Math.max(0, brackets - 1);
    if (brackets > DEPTH_MAX) break;
  }
  const isDeep = brackets > DEPTH_MAX || /^ {200}|^(?:- ){65}/m.test(text);
  if (isDeep) throw new OperatorError(`${name}:${line}: nested deeper than ${DEPTH_MAX}`, "flatten the file");
}

function sentence(message: string): string {
  const line = oneLine(message, 200);
  return line.charAt(0).toLowerCase() + line.slice(1);
}
