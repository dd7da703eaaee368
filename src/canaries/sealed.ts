import { BASE62, blockLength, HEX, LETTERS, readNumber, sealer } from "./block.ts";
import type { Sighting } from "./canaries.ts";
import { fakeId } from "./fakes.ts";
import { KINDS } from "./kinds/all.ts";
import type { Shape } from "./shape.ts";

export type SealedSighting = Omit<Sighting, "encoding" | "offset">;

/** Digits that a vendor's prefix ends in, or a prefix with no separator: the block begins after them. */
const GLUED = /^(?:AIza|51|dapi|A[KS]IA)/;

/**
 * Finds sealed blocks of this key without knowing the fakes: at the beginning of every run of 22 or more letters and digits,
 * and after a prefix that runs into it. Fakes too short for a block are not found so.
 */
export function sealedFinder(masterKey: Uint8Array) {
  const blocks = sealer(masterKey);
  return (bytes: Buffer, shape: Shape, onHit: (sighting: SealedSighting, at: number) => void): void => {
    const candidates = candidatesIn(bytes, shape);
    if (candidates.length === 0) return;
    let foundIn = -1;
    for (const { index, block } of blocks.openAll(candidates.map(({ sealed }) => sealed))) {
      const candidate = candidates[index];
      if (candidate === undefined || candidate.run === foundIn) continue;
      foundIn = candidate.run;
      const kind = KINDS.find((kind) => kind.code === block.kind)?.name ?? "unknown";
      const id = fakeId(masterKey, block.cycle, block.serial);
      onHit({ fakeId: id, kind, file: "unknown", cycle: block.cycle }, candidate.at);
    }
  };
}

type Candidate = { sealed: bigint; at: number /** Where its run begins. */; run: number };

/** Letters and digits are among the characters of base64, so that only those stretches are read. */
function candidatesIn(bytes: Buffer, { base64 }: Shape): Candidate[] {
  const found: Candidate[] = [];
  for (let i = 0; i < base64.length; i += 2) {
    const from = base64[i] ?? 0;
    for (const match of bytes.toString("latin1", from, base64[i + 1]).matchAll(/[0-9A-Za-z]{22,}/g)) {
      const run = from + match.index;
      for (const [skip, alphabet] of readings(match[0])) {
        const sealed = readNumber(match[0].slice(skip, skip + blockLength(alphabet)), alphabet);
        if (sealed !== undefined) found.push({ sealed, at: run + skip, run });
      }
    }
  }
  return found;
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
