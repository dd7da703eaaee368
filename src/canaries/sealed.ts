import { BASE62, BLOCK_BYTES, type Digits, digitsOf, HEX, LETTERS, NO_DIGIT, readBlock, sealer } from "./block.ts";
import type { Sighting } from "./canaries.ts";
import { fakeId } from "./fakes.ts";
import { KINDS } from "./kinds/all.ts";
import type { Shape } from "./shape.ts";

export type SealedSighting = Omit<Sighting, "encoding" | "offset">;

/** Digits that a vendor's prefix ends in, or a prefix with no separator: the block begins after them. */
const GLUED = ["AIza", "51", "dapi", "AKIA", "ASIA"].map((prefix) => Buffer.from(prefix));

const LETTERS_AND_DIGITS = digitsOf(BASE62);
const ALPHABETS = [LETTERS_AND_DIGITS, ...[LETTERS, HEX, HEX.toUpperCase()].map(digitsOf)];

/**
 * Finds sealed blocks of this key without knowing the fakes: at the beginning of every run of 22 or more letters and digits,
 * and after a prefix that runs into it. Fakes too short for a block are not found so.
 */
export function sealedFinder(masterKey: Uint8Array) {
  const blocks = sealer(masterKey);
  return (bytes: Buffer, shape: Shape, onHit: (sighting: SealedSighting, at: number) => void): void => {
    const { places, sealed } = candidatesIn(bytes, shape);
    if (places.length === 0) return;
    let foundIn = -1;
    for (const { index, block } of blocks.openAll(sealed)) {
      const { run = -1, at = 0 } = places[index] ?? {};
      if (run === foundIn) continue;
      foundIn = run;
      const kind = KINDS.find((kind) => kind.code === block.kind)?.name ?? "unknown";
      onHit({ fakeId: fakeId(masterKey, block.cycle, block.serial), kind, file: "unknown", cycle: block.cycle }, at);
    }
  };
}

type Candidates = { places: { at: number /** Where its run begins. */; run: number }[]; sealed: Buffer };

const NO_CANDIDATES: Candidates = { places: [], sealed: Buffer.alloc(0) };

/** Letters and digits are among the characters of base64, so that only those stretches are read. */
function candidatesIn(bytes: Buffer, { base64 }: Shape): Candidates {
  const places: Candidates["places"] = [];
  const words: number[] = [];
  const block = new Uint32Array(BLOCK_BYTES / 4);
  const read = (run: number, at: number, end: number, digits: Digits) => {
    if (end - at < digits.length || !readBlock(bytes, at, digits, block)) return;
    places.push({ at, run });
    for (const word of block) words.push(word);
  };
  for (const [start, end] of runsIn(bytes, base64)) {
    for (const digits of ALPHABETS) read(start, start, end, digits);
    for (const prefix of GLUED) {
      if (standsAt(bytes, prefix, start)) read(start, start + prefix.length, end, LETTERS_AND_DIGITS);
    }
  }
  if (places.length === 0) return NO_CANDIDATES;
  const sealed = Buffer.allocUnsafe(words.length * 4);
  for (const [i, word] of words.entries()) sealed.writeUInt32BE(word, i * 4);
  return { places, sealed };
}

function standsAt(bytes: Buffer, prefix: Buffer, at: number): boolean {
  return bytes[at] === prefix[0] && bytes.subarray(at, at + prefix.length).equals(prefix);
}

/** Of letters and digits, as long as the shortest block or longer. */
function* runsIn(bytes: Buffer, stretches: readonly number[]): Generator<[start: number, end: number]> {
  const { length, valueOf } = LETTERS_AND_DIGITS;
  for (let i = 0; i < stretches.length; i += 2) {
    const last = stretches[i + 1] ?? 0;
    let start = stretches[i] ?? 0;
    for (let at = start; at <= last; at++) {
      if (at < last && valueOf[bytes[at] ?? 0] !== NO_DIGIT) continue;
      if (at - start >= length) yield [start, at];
      start = at + 1;
    }
  }
}
