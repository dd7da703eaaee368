import type { Recogniser, Sighting } from "./canaries.ts";

/** Searches a stream as it passes, chunk by chunk. */
export type StreamSearch = {
  /**
   * Sightings that are new with this chunk; offsets count from the stream's beginning. `isWhole` is false when not all that had to be
   * looked at was: too much to decode, or cut so small that searching it costs out of all proportion.
   */
  push(chunk: Uint8Array): { sightings: Sighting[]; isWhole: boolean };
};

/** So much of what passed is always searched again with what comes. */
const WINDOW_BYTES = 4 * 1024;
/** And so much where it ends in a run of digits or escapes, or began to be compressed: what is encoded more than once grows long. */
const RUN_BYTES_MAX = 64 * 1024;
/** What may be searched again in all: this, and so many times what passed. */
const AGAIN_BYTES = 64 * 1024 * 1024;
const AGAIN_TIMES = 64;

/**
 * A fake may lie across two chunks. It is found however it is cut as long as its written form is no longer than 64 KiB in one run,
 * 4 KiB where there are blanks or quotes in it; of a compressed stream, as far as its first 64 KiB reach.
 */
export function searchStream(recogniser: Recogniser): StreamSearch {
  let tail = Buffer.alloc(0);
  let passed = 0;
  let again = 0;
  let known = new Set<string>();
  return {
    push(chunk) {
      const text = Buffer.concat([tail, chunk]);
      const start = passed - tail.length;
      const { sightings, isWhole } = recogniser.inspect(text);
      const found = sightings.map((sighting) => ({ ...sighting, offset: sighting.offset + start }));
      const fresh = found.filter((sighting) => !known.has(keyOf(sighting)));
      passed += chunk.length;
      again += tail.length;
      tail = Buffer.from(text.subarray(keptFrom(text, start === 0)));
      known = new Set(
        [...known, ...found.map(keyOf)].filter((key) => Number(key.split(":")[0]) >= passed - tail.length),
      );
      return { sightings: fresh, isWhole: isWhole && again <= AGAIN_BYTES + AGAIN_TIMES * passed };
    },
  };
}

function keyOf(sighting: Sighting): string {
  return `${sighting.offset}:${sighting.fakeId}`;
}

/** Of what passed, the place from which on it is kept. */
function keptFrom(text: Buffer, isFromStart: boolean): number {
  const first = Math.max(0, text.length - RUN_BYTES_MAX);
  // A zlib stream has no more of a sign than its first byte, so it is looked for nowhere else.
  if (isFromStart && first === 0 && text[0] === ZLIB) return 0;
  const compressed = text.indexOf(GZIP, first);
  const window = Math.min(compressed < 0 ? text.length : compressed, Math.max(0, text.length - WINDOW_BYTES));
  let run = text.length;
  while (run > first && OF_RUNS[text[run - 1] ?? 0] === 1) run--;
  return Math.min(window, run);
}

const ZLIB = 0x78;
const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);
/** The characters of base64, of hex, of escapes, and the ends of lines that they are wrapped in. */
const OF_RUNS = new Uint8Array(256);
for (const byte of Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-%\\&#;\r\n"))
  OF_RUNS[byte] = 1;
