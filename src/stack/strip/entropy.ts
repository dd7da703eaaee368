import { lineNumbers, type Spot } from "./strip.ts";
import { plain } from "./value.ts";

const CHARACTERS_MIN = 20;
/** Bits a character: above every hexadecimal hash, below nearly every random token. */
const BITS_MIN = 4;

/** Files that people write freely in, where a token stands with nothing around it to tell it by. */
const UNKNOWN =
  /(^|\/)[^/.]+$|\.(txt|log|bak|old|orig|out|save|swp|conf|cfg|local|private|secret|keys?|creds?)$|_history$|history$/i;
const KNOWN_NAMES =
  /(^|\/)(LICENSE|COPYING|NOTICE|Makefile|Dockerfile|Gemfile|Procfile|CODEOWNERS|known_hosts|authorized_keys|HEAD)$|lock$/i;

/** A last net for files whose format says nothing: long tokens that look random. What it takes too much is a hash or an id. */
export function entropyNet(text: string, file: string): Spot[] {
  if (!UNKNOWN.test(file) || KNOWN_NAMES.test(file)) return [];
  const lineOf = lineNumbers(text);
  return [...text.matchAll(/[A-Za-z0-9+_=/-]{20,}/g)].flatMap((match) => {
    const token = match[0];
    const isMixed = /[0-9]/.test(token) && /[a-z]/.test(token) && /[A-Z]/.test(token);
    if (!isMixed || token.length < CHARACTERS_MIN || bitsPerCharacter(token) < BITS_MIN) return [];
    if (/^\/|^(sha\d+|md5)-/.test(token) || token.split("/").length > 3) return [];
    return [{ ...plain(match.index, token, "token"), place: `line ${lineOf(match.index)}`, by: "pattern" as const }];
  });
}

/** Shannon's entropy of the text's own characters. */
export function bitsPerCharacter(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
