import type { Recogniser, Sighting } from "./canaries.ts";

/** Searches a stream as it passes. */
export type StreamSearch = {
  /** Sightings that are new with this chunk; offsets count from the stream's beginning. */
  push(chunk: Uint8Array): Sighting[];
};

/**
 * A fake may lie across two chunks, so the last bytes of what passed are searched again with the next: `windowBytes` is the
 * longest encoded form that is sure to be found across a border.
 */
export function searchStream(recogniser: Recogniser, windowBytes = 4096): StreamSearch {
  let tail = Buffer.alloc(0);
  let passed = 0;
  let known = new Set<string>();
  return {
    push(chunk) {
      const text = Buffer.concat([tail, chunk]);
      const start = passed - tail.length;
      const found = recogniser.search(text).map((sighting) => ({ ...sighting, offset: sighting.offset + start }));
      const fresh = found.filter((sighting) => !known.has(keyOf(sighting)));
      passed += chunk.length;
      tail = Buffer.from(text.subarray(Math.max(0, text.length - windowBytes)));
      known = new Set(
        [...known, ...found.map(keyOf)].filter((key) => Number(key.split(":")[0]) >= passed - tail.length),
      );
      return fresh;
    },
  };
}

function keyOf(sighting: Sighting): string {
  return `${sighting.offset}:${sighting.fakeId}`;
}
