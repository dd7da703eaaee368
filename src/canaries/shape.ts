/** Where in some bytes an encoding can begin at all, so that plain text is not read a second time. */
export type Shape = {
  /** Where stretches of 16 or more characters of base64, either alphabet, begin and end: start, end, start, end, … */
  base64: number[];
  /** The same of 16 or more hex digits, spaces and colons. */
  hex: number[];
  /** Is there a percent sign, a backslash or an ampersand? */
  hasEscapes: boolean;
};

const RUN_MIN = 16;

const BASE64 = classOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_");
const HEX = classOf("0123456789abcdefABCDEF :");

export function shapeOf(bytes: Buffer): Shape {
  const hasEscapes = SIGNS.some((sign) => bytes.includes(sign));
  return { base64: runsOf(BASE64, bytes), hex: runsOf(HEX, bytes), hasEscapes };
}

/** Of an escape: percent, backslash, ampersand. */
const SIGNS = [0x25, 0x5c, 0x26];

function classOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(characters, "latin1")) table[byte] = 1;
  return table;
}

/**
 * The stretches of one class. None is shorter than RUN_MIN, so a look back from where one would end at the earliest skips
 * whatever comes before the first byte that is not of it: of text in words about every third byte is looked at.
 */
function runsOf(ofClass: Uint8Array, bytes: Uint8Array): number[] {
  const runs: number[] = [];
  const { length } = bytes;
  for (let start = 0; start + RUN_MIN <= length; ) {
    let back = start + RUN_MIN - 1;
    while (back >= start && ofClass[bytes[back] ?? 0] === 1) back--;
    if (back >= start) {
      start = back + 1;
      continue;
    }
    let end = start + RUN_MIN;
    while (end < length && ofClass[bytes[end] ?? 0] === 1) end++;
    runs.push(start, end);
    start = end + 1;
  }
  return runs;
}
