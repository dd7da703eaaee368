import { BASE62, blockLength, HEX, LETTERS, readNumber, sealer } from "./block.ts";
import type { Sighting } from "./canaries.ts";
import { fakeId } from "./fakes.ts";
import { KINDS } from "./kinds/all.ts";

export type SealedSighting = Omit<Sighting, "encoding" | "offset">;

/** Digits that a vendor's prefix ends in, or a prefix with no separator: the block begins after them. */
const GLUED = /^(?:AIza|51|dapi|A[KS]IA)/;

/**
 * Finds sealed blocks of this key without knowing the fakes: at the beginning of every run of 22 or more letters and digits,
 * and after a prefix that runs into it. Fakes too short for a block are not found so.
 */
export function sealedFinder(masterKey: Uint8Array) {
  const blocks = sealer(masterKey);
  return (bytes: Buffer, onHit: (sighting: SealedSighting, at: number) => void): void => {
    if (!hasLongRun(bytes)) return;
    for (const match of bytes.toString("latin1").matchAll(/[0-9A-Za-z]{22,}/g)) {
      for (const [skip, alphabet] of readings(match[0])) {
        const sealed = readNumber(match[0].slice(skip, skip + blockLength(alphabet)), alphabet);
        const block = sealed === undefined ? undefined : blocks.open(sealed);
        if (block === undefined) continue;
        const kind = KINDS.find((kind) => kind.code === block.kind)?.name ?? "unknown";
        const id = fakeId(masterKey, block.cycle, block.serial);
        onHit({ fakeId: id, kind, file: "unknown", cycle: block.cycle }, match.index + skip);
        break;
      }
    }
  };
}

/** Most of what is searched is a wrong cut of something: told apart without making a string of it. */
function hasLongRun(bytes: Buffer): boolean {
  let run = 0;
  for (const byte of bytes) {
    const isAlphanumeric = (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a);
    run = isAlphanumeric ? run + 1 : 0;
    if (run >= 22) return true;
  }
  return false;
}

function* readings(run: string): Generator<[skip: number, alphabet: string]> {
  yield [0, BASE62];
  const glued = GLUED.exec(run)?.[0].length ?? 0;
  if (glued > 0 && run.length >= glued + 22) yield [glued, BASE62];
  if (run.length < 23) return;
  if (/^[A-Za-z]{23}/.test(run)) yield [0, LETTERS];
  if (/^(?:[0-9a-f]{32}|[0-9A-F]{32})/.test(run))
    yield [0, run.startsWith(run.toLowerCase().slice(0, 32)) ? HEX : HEX.toUpperCase()];
}
