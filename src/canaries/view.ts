/** A decoded reading of some text, or of all the pieces of it that can be read in one way. */
export type View = {
  bytes: Buffer;
  /** base64, base32, hex, url, json, html, gzip, zlib. */
  encoding: string;
  /** Where in the text the encoded form of a decoded byte begins, as near as the encoding lets one say. */
  offsetOf(at: number): number;
  /** Of the text, what has to go for these decoded bytes to be gone: their escapes, or the whole run or stream that holds them. */
  spanOf(start: number, end: number): { start: number; end: number };
};

/** Place of the last of ascending numbers that is not over `limit`; 0 when all are. */
export function lastUpTo(numbers: readonly number[], limit: number): number {
  let low = 0;
  let high = numbers.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((numbers[middle] ?? 0) <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}
