import { parseDocument } from "yaml";
import type { Content } from "../../sources/source.ts";
import { nothingRemoved, type Removed, visible } from "./invisible.ts";
import { pageOf, xmlOf } from "./markup.ts";

/** From the bytes of a file to what it says, every string without what nobody sees. Runs in the reading process alone. */
export type Understood = { content: Content; removed: Removed };

/** The bytes are not what their media type says. */
export class Unreadable extends Error {}

/** Ours need eight; what nests deeper is made to break parsers. */
const DEPTH_MAX = 64;
const ALIASES_MAX = 100;

const JSON_TYPES = ["application/json", "application/stix+json", "application/vnd.github+json"];
const XML_TYPES = ["application/atom+xml", "application/xml", "text/xml"];
const YAML_TYPES = ["application/yaml", "text/yaml"];

export function contentOf(mediaType: string, bytes: Uint8Array): Understood {
  const text = decode(bytes);
  const removed = nothingRemoved();
  if (mediaType === "text/html") return { content: pageOf(text, removed), removed };
  if (XML_TYPES.includes(mediaType)) return { content: { kind: "xml", root: xmlOf(text, removed) }, removed };
  const value = valueOf(mediaType, text);
  return { content: { kind: "data", value: cleanValue(value, removed, 0) }, removed };
}

/** Hosts of plain files send JSON and YAML as `text/plain`, and JSON is tried first. */
function valueOf(mediaType: string, text: string): unknown {
  if (JSON_TYPES.includes(mediaType)) return parseJson(text);
  if (YAML_TYPES.includes(mediaType)) return parseYaml(text);
  if (mediaType !== "text/plain") throw new Unreadable(`nothing here reads ${mediaType}`);
  return /^\s*[[{]/.test(text) ? parseJson(text) : parseYaml(text);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new Unreadable(thrown.message, { cause: thrown });
  }
}

function parseYaml(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false, uniqueKeys: true });
  const [problem] = document.errors;
  if (problem !== undefined) throw new Unreadable(problem.message, { cause: problem });
  return document.toJS({ maxAliasCount: ALIASES_MAX });
}

/** A new value of the same shape; keys are cleaned as well. */
function cleanValue(value: unknown, removed: Removed, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new Unreadable(`nested deeper than ${DEPTH_MAX}`);
  if (typeof value === "string") return visible(value, removed);
  if (Array.isArray(value)) return value.map((one) => cleanValue(one, removed, depth + 1));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [visible(key, removed), cleanValue(one, removed, depth + 1)]),
  );
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
    throw new Unreadable("not UTF-8", { cause: thrown });
  }
}
