/** Where in some bytes an encoding can begin at all: told in one pass, so that plain text is not read a second time. */
export type Shape = {
  /** Where stretches of 16 or more characters of base64, either alphabet, begin and end: start, end, start, end, … */
  base64: number[];
  /** The same of 16 or more hex digits, spaces and colons. */
  hex: number[];
  /** Is there a percent sign, a backslash or an ampersand? */
  hasEscapes: boolean;
  /** Is there a byte that gzip streams begin with? */
  hasMagic: boolean;
};

const RUN_MIN = 16;

const BASE64 = 1;
const HEX = 2;
const ESCAPE = 4;
const MAGIC = 8;
const CLASS = new Uint8Array(256);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
  CLASS[character.charCodeAt(0)] = BASE64;
for (const character of "0123456789abcdefABCDEF :")
  CLASS[character.charCodeAt(0)] = (CLASS[character.charCodeAt(0)] ?? 0) | HEX;

for (const character of "%\\&") CLASS[character.charCodeAt(0)] = ESCAPE;
CLASS[0x1f] = MAGIC;

export function shapeOf(bytes: Uint8Array): Shape {
  const base64: number[] = [];
  const hex: number[] = [];
  const { length } = bytes;
  let kinds = 0;
  let base64Start = 0;
  let hexStart = 0;
  for (let at = 0; at <= length; at++) {
    const kind = at === length ? 0 : (CLASS[bytes[at] ?? 0] ?? 0);
    kinds |= kind;
    if ((kind & BASE64) === 0) {
      if (at - base64Start >= RUN_MIN) base64.push(base64Start, at);
      base64Start = at + 1;
    }
    if ((kind & HEX) === 0) {
      if (at - hexStart >= RUN_MIN) hex.push(hexStart, at);
      hexStart = at + 1;
    }
  }
  return { base64, hex, hasEscapes: (kinds & ESCAPE) !== 0, hasMagic: (kinds & MAGIC) !== 0 };
}
