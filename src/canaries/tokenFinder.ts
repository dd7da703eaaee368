import { escapeViews } from "./escapes.ts";
import { matcher } from "./matcher.ts";
import { shapeOf } from "./shape.ts";
import { TOKENS, type Token } from "./tokens.ts";

/** A credential that was told by its form alone. The value itself is for hashing, and for nothing else. */
export type FoundToken = { kind: string; value: string };

/** Each of them holds a long run of letters and digits, so that text without one is passed over; its sign begins at most so far before. */
const SIGN_BEFORE_BYTES = 64;
/** More than this tells nobody more. */
const FOUND_MAX = 20;
/** Escapes within escapes, as in JSON that carries a form: no deeper. */
const DEPTH_MAX = 2;
const VALUE_CHARS_MAX = 16_384;

const SIGNS = matcher(
  TOKENS.flatMap((token) => token.signs.map((sign) => ({ bytes: Buffer.from(sign, "latin1"), tag: token }))),
);

/**
 * Every credential of a known form in some bytes, as they are and with their escapes undone; each once. What is compressed or in
 * base64 is not opened for this: an image is no key.
 */
export function tokensIn(bytes: Buffer, nowMs: number, depth = 0): FoundToken[] {
  const found = new Map<string, FoundToken>();
  const { base64 } = shapeOf(bytes);
  for (let i = 0; i < base64.length; i += 2) {
    const from = Math.max(0, (base64[i] ?? 0) - SIGN_BEFORE_BYTES);
    SIGNS.find(bytes.subarray(from, base64[i + 1]), ({ tag }, at) => {
      if (found.size >= FOUND_MAX) return;
      const value = tokenAt(bytes, from + at, tag, nowMs);
      if (value !== undefined) found.set(value, { kind: tag.kind, value });
    });
  }
  if (depth < DEPTH_MAX) {
    for (const view of escapeViews(bytes)) {
      for (const inner of tokensIn(view.bytes, nowMs, depth + 1)) found.set(inner.value, inner);
    }
  }
  return [...found.values()].slice(0, FOUND_MAX);
}

const WORD = /[0-9A-Za-z_]/;

function tokenAt(text: Buffer, at: number, token: Token, nowMs: number): string | undefined {
  // In the middle of a longer word it is by chance.
  if (at > 0 && WORD.test(String.fromCharCode(text[at - 1] ?? 0))) return undefined;
  const { form, isGenuine } = token;
  const value = form.exec(text.toString("latin1", at, at + VALUE_CHARS_MAX))?.[0];
  if (value === undefined || isPlaceholder(value)) return undefined;
  return isGenuine === undefined || isGenuine(value, nowMs) ? value : undefined;
}

const DISTINCT_MIN = 10;
const GIVEAWAY = /example|placeholder|redacted|changeme|dummy|your[_-]/i;
const ROW = /(.)\1{5}|01234567|12345678|abcdefgh/i;
/** In what is longer there are rows by chance and by form. */
const ROW_CHARS_MAX = 200;

/** What stands in a manual: a row of the same character, of the alphabet or of digits, or a word that says so. */
function isPlaceholder(value: string): boolean {
  if (new Set(value).size < DISTINCT_MIN) return true;
  return value.length <= ROW_CHARS_MAX && (GIVEAWAY.test(value) || ROW.test(value));
}
