import { marked } from "./variables.ts";

/** The value of a variable, or undefined when it is the host's and therefore not known. */
export type Lookup = (name: string) => string | undefined;

const DEPTH_MAX = 8;

/**
 * Compose's own substitution (docs.docker.com/reference/compose-file/interpolation): `$$`, `$NAME`, `${NAME}` and the
 * forms with `-`, `?` and `+`, one inside the other. What is not known becomes a mark (`marked`), never an empty text: the host's
 * environment may hold it.
 */
export function interpolate(text: string, lookup: Lookup, depth = 0): string {
  let out = "";
  let i = 0;
  while (i < text.length) {
    const at = text.indexOf("$", i);
    if (at < 0) return out + text.slice(i);
    out += text.slice(i, at);
    if (text[at + 1] === "$") {
      out += "$";
      i = at + 2;
      continue;
    }
    const plain = /^\$([A-Za-z_]\w*)/.exec(text.slice(at, at + 200))?.[1];
    if (plain !== undefined) {
      out += lookup(plain) ?? marked(plain);
      i = at + 1 + plain.length;
      continue;
    }
    const end = text[at + 1] === "{" && depth < DEPTH_MAX ? closing(text, at + 1) : undefined;
    if (end === undefined) {
      // No substitution that is known: the rest is not what it seems.
      return out + marked(text.slice(at, at + 40));
    }
    out += substituted(text.slice(at + 2, end), lookup, depth + 1);
    i = end + 1;
  }
  return out;
}

/** Index of the brace that closes the one at `open`. */
function closing(text: string, open: number): number | undefined {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "{") depth++;
    if (text[i] === "}" && --depth === 0) return i;
  }
  return undefined;
}

function substituted(body: string, lookup: Lookup, depth: number): string {
  const [, name = "", colon = "", operator = "", word = ""] =
    /^([A-Za-z_]\w*)(?:(:?)([-?+])([^]*))?$/.exec(body) ?? [];
  if (name === "") return marked(body.slice(0, 40));
  const value = lookup(name);
  const isSet = value !== undefined && (colon === "" || value !== "");
  switch (operator) {
    case "-":
      return isSet ? value : interpolate(word, lookup, depth);
    case "+":
      if (value === undefined) return marked(name);
      return isSet ? interpolate(word, lookup, depth) : "";
    default:
      return value ?? marked(name);
  }
}
