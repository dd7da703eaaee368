import { type AST, getStaticTOMLValue, ParseError, parseTOML } from "toml-eslint-parser";
import { jsonEscaped } from "../../../canaries/written.ts";
import { credentialField } from "../fields.ts";
import { type Finder, type Scalar, type Spot, spotsOf } from "../strip.ts";
import { assignments } from "./assignments.ts";
import { headerField } from "./json.ts";

/** TOML. One that does not parse is read line by line. */
export const toml: Finder = (text, file) => {
  const spots: Spot[] = [];
  const walk = (node: AST.TOMLContentNode, path: readonly string[]): void => {
    if (node.type === "TOMLArray") for (const [i, item] of node.elements.entries()) walk(item, [...path, String(i)]);
    else if (node.type === "TOMLInlineTable") for (const pair of node.body) walkPair(pair, path);
    else if (node.kind === "string") {
      const scalar = scalarOf(text, node);
      const field = credentialField(file, path) ?? headerField(path);
      spots.push(...spotsOf(text, scalar, field?.kind, path.join("."), field?.isSure));
    }
  };
  const walkPair = (pair: AST.TOMLKeyValue, path: readonly string[]) =>
    walk(pair.value, [...path, ...getStaticTOMLValue(pair.key).map(String)]);
  try {
    for (const node of parseTOML(text).body[0].body) {
      if (node.type === "TOMLKeyValue") walkPair(node, []);
      else for (const pair of node.body) walkPair(pair, node.resolvedKey.map(String));
    }
  } catch (thrown) {
    if (!(thrown instanceof ParseError)) throw thrown;
    return assignments(text, file);
  }
  return spots;
};

function scalarOf(text: string, node: AST.TOMLStringValue): Scalar {
  const [start, end] = node.range;
  const quotes = node.multiline ? 3 : 1;
  const newline = node.multiline ? (/^\r?\n/.exec(text.slice(start + 3))?.[0].length ?? 0) : 0;
  const encode = node.style === "literal" ? (value: string) => value : jsonEscaped;
  const inside = text.slice(start + quotes + newline, end - quotes);
  // An escape above U+007F comes back as one character; here a character is a byte.
  const value = inside === node.value ? node.value : toBytes(node.value);
  return { start: start + quotes + newline, end: end - quotes, value, encode: node.multiline ? (v) => v : encode };
}

function toBytes(value: string): string {
  return value.replaceAll(/[\u0100-\u{10ffff}]/gu, (c) => Buffer.from(c, "utf8").toString("latin1"));
}
