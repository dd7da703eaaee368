import { isScalar, isSeq, type Pair, parseAllDocuments, Scalar, visit } from "yaml";
import { jsonEscaped } from "../../../canaries/written.ts";
import { credentialField } from "../fields.ts";
import { type Finder, type Scalar as Place, type Spot, spotsOf } from "../strip.ts";
import { trimmedEnd } from "../value.ts";
import { assignments } from "./assignments.ts";

/** YAML of one or more documents. A broken one is also read line by line, since its parser may have lost its way. */
export const yaml: Finder = (text, file) => {
  const spots: Spot[] = [];
  let isBroken = false;
  for (const document of parseAllDocuments(text, { keepSourceTokens: true, uniqueKeys: false, logLevel: "silent" })) {
    if ("empty" in document && document.empty === true) continue;
    isBroken ||= document.errors.length > 0;
    visit(document, {
      Scalar(key, node, ancestors) {
        // A tag of the file's own (`!vault`, `!ENV`) says that the value is looked up or locked elsewhere.
        if (key === "key" || node.tag?.startsWith("!")) return;
        const path = pathTo(ancestors, node);
        const scalar = placeOf(text, node);
        if (scalar === undefined) return;
        const secretData = isSecretManifest(document.get("kind")) && path[0] === "data";
        const field = credentialField(file, path) ?? (secretData ? { kind: "secret", isSure: true } : undefined);
        spots.push(...spotsOf(text, scalar, field?.kind, path.join("."), field?.isSure));
      },
    });
  }
  return isBroken ? [...spots, ...assignments(text, file)] : spots;
};

function isSecretManifest(kind: unknown): boolean {
  return kind === "Secret";
}

/** The keys and indexes that lead to a node; `ancestors` holds documents, collections and pairs by turns. */
function pathTo(ancestors: readonly unknown[], node: unknown): string[] {
  const path: string[] = [];
  for (const [i, ancestor] of ancestors.entries()) {
    const child = ancestors[i + 1] ?? node;
    if (isSeq(ancestor)) path.push(String(ancestor.items.indexOf(child)));
    else if (isPairNode(ancestor)) path.push(String(isScalar(ancestor.key) ? ancestor.key.value : ""));
  }
  return path;
}

function isPairNode(node: unknown): node is Pair {
  return typeof node === "object" && node !== null && "key" in node && "value" in node;
}

/** The inside of a scalar, without its quotes; undefined for what is no text. */
function placeOf(text: string, node: Scalar): Place | undefined {
  if (node.range == null || (typeof node.value !== "string" && typeof node.value !== "number")) return undefined;
  const [start, end] = node.range;
  const raw = text.slice(start, end);
  const value = typeof node.value === "number" ? raw : node.value;
  switch (node.type) {
    case Scalar.QUOTE_DOUBLE:
      return { start: start + 1, end: end - 1, value, encode: jsonEscaped };
    case Scalar.QUOTE_SINGLE:
      return { start: start + 1, end: end - 1, value, encode: (written) => written.replaceAll("'", "''") };
    case Scalar.BLOCK_LITERAL:
    case Scalar.BLOCK_FOLDED:
      return block(raw, start, value);
    case Scalar.PLAIN:
    case undefined:
      return { start, end, value, encode: (written) => written };
  }
}

/** The lines under `|` or `>`, each with the first one's indentation. */
function block(raw: string, start: number, value: string): Place | undefined {
  const body = raw.indexOf("\n") + 1;
  const indent = /^(?:[ \t]*\r?\n)*([ \t]+)/.exec(raw.slice(body))?.[1];
  if (body === 0 || indent === undefined) return undefined;
  const end = start + trimmedEnd(raw).length;
  const newline = raw.includes("\r\n") ? "\r\n" : "\n";
  const encode = (written: string) =>
    written
      .trimEnd()
      .split("\n")
      .map((line) => (line === "" ? "" : indent + line))
      .join(newline);
  return { start: start + body, end, value: trimmedEnd(value), encode };
}
