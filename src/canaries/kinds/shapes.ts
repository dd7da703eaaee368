import { BASE62, HEX } from "../block.ts";
import type { Draw, Kind } from "./kind.ts";

const UUID = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/;

/** 122 free bits are too few for a block: known from the registry. */
export const uuid: Kind = {
  name: "uuid",
  code: 50,
  form: UUID,
  shape: "00000000-0000-4000-8000-000000000000",
  make(original, draw) {
    const hex = (length: number) => draw.chars(HEX, length);
    const made = `${hex(8)}-${hex(4)}-4${hex(3)}-${draw.chars("89ab", 1)}${hex(3)}-${hex(12)}`;
    return original === original.toUpperCase() && /[A-F]/.test(original) ? made.toUpperCase() : made;
  },
};

/** Even short ones keep to hex; from 32 digits on they carry a block. */
export const hex: Kind = {
  name: "hex",
  code: 51,
  form: /^(?=.*[0-9])(?:(?=.*[a-f])[0-9a-f]{16,}|(?=.*[A-F])[0-9A-F]{16,})$/,
  shape: "0a".repeat(32),
  make(original, draw) {
    const made = draw.body(original.length, HEX);
    return /[A-F]/.test(original) ? made.toUpperCase() : made;
  },
};

const ROOMY = /^(?=.*[0-9])(?=.*[A-Z])(?=.*[a-z])[0-9A-Za-z]{22,}$/;

/** A value without a known form: same length, same classes of characters. */
export const generic: Kind = {
  name: "generic",
  code: 52,
  form: /^[^]*$/,
  shape: "Aa0".repeat(11),
  make: (original, draw) => (ROOMY.test(original) ? draw.body(original.length) : sameShape(original, draw)),
};

const UPPER = BASE62.slice(10, 36);
const LOWER = BASE62.slice(36);

/** Digit for digit, capital for capital, small letter for small letter; punctuation and white space stay where they are. */
export function sameShape(original: string, draw: Draw): string {
  return original.replaceAll(/[^\x20-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e\t\r\n]/gu, (character) => {
    if (/[0-9]/.test(character)) return draw.chars("0123456789", 1);
    if (/[A-Z]/.test(character)) return draw.chars(UPPER, 1);
    return draw.chars(LOWER, character.length);
  });
}
