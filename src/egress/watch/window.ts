import type { End } from "./values.ts";

/**
 * What is remembered of the values that a sandbox sent: of each place (`query:token`, `header:x-id`, all of a body's strings
 * together) the last 512 bytes, as they came and decoded, for the 64 places that were used last. A value that is the same as
 * the one before it in its place adds nothing, so that headers that every request has cost nothing.
 *
 * It misses a fake whose pieces come in another order, in places that never meet, under more than 64 names at once, with more than
 * 512 bytes between them in one place, or from two sandboxes.
 */
export type Window = {
  /**
   * What stood before in the places of these values, each joined to its new value; text to search. Remembers them.
   * @param parts of one request, each by itself.
   */
  join(sandbox: string, parts: readonly (readonly End[])[]): Buffer;
  forget(sandbox: string): void;
};

export const WINDOW_BYTES = 512;
const PLACES_MAX = 64;
/** No encoding reads over it. */
const BETWEEN = Buffer.alloc(4);

type Place = { tail: Buffer; last: End };

/** What one sandbox sent last: by place, and which parts stand there whole. */
type Memory = { places: Map<string, Place>; standing: Set<readonly End[]> };

export function rollingWindow(): Window {
  const bySandbox = new Map<string, Memory>();
  return {
    join(sandbox, parts) {
      const memory = bySandbox.get(sandbox) ?? { places: new Map<string, Place>(), standing: new Set() };
      bySandbox.set(sandbox, memory);
      // Of a part that is the very same as the last one nothing is new.
      const changed = parts.filter((ends) => !memory.standing.has(ends));
      if (changed.length === 0) return NOTHING;
      const joined = changed.flatMap((ends) => joinedTo(memory.places, ends));
      memory.standing = new Set(parts);
      for (const slot of memory.places.keys()) {
        if (memory.places.size <= PLACES_MAX) break;
        memory.places.delete(slot);
        memory.standing.clear();
      }
      return Buffer.concat(joined);
    },
    forget: (sandbox) => void bySandbox.delete(sandbox),
  };
}

const NOTHING = Buffer.alloc(0);

function joinedTo(places: Map<string, Place>, ends: readonly End[]): Buffer[] {
  const joined: Buffer[] = [];
  for (const end of ends) {
    const before = places.get(end.slot);
    if (before !== undefined && isSame(before.last, end)) continue;
    const tail = before?.tail ?? NOTHING;
    // A value that is the only one of its kind stands in two rows that are the same.
    const isTwice =
      tail.length > 0 &&
      joined.some((one, i) => i % 3 === 0 && one.equals(tail) && joined[i + 1]?.equals(end.head) === true);
    if (tail.length > 0 && !isTwice) joined.push(tail, end.head, BETWEEN);
    // Last in the map: what was used longest ago is the first to go.
    places.delete(end.slot);
    places.set(end.slot, { tail: tailOf(tail, end), last: end });
  }
  return joined;
}

function tailOf(before: Buffer, { length, tail }: End): Buffer {
  if (length >= WINDOW_BYTES) return tail;
  return Buffer.from(Buffer.concat([before, tail]).subarray(-WINDOW_BYTES));
}

function isSame(one: End, other: End): boolean {
  return one.length === other.length && one.head.equals(other.head) && one.tail.equals(other.tail);
}
