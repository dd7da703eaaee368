/** A byte string to look for, and what it stands for. At least four bytes long. */
export type Needle<T> = { bytes: Uint8Array; tag: T };

export type Matcher<T> = {
  /** Calls `onHit` for every place of every needle, in order of place; overlapping ones too. */
  find(text: Uint8Array, onHit: (needle: Needle<T>, at: number) => void): void;
};

const FILTER_BITS = 18;
const ANCHOR_BYTES = 4;

/**
 * Looks for many byte strings in one pass. A bit table over the hash of each needle's first four bytes rejects nearly every
 * position with one look, so the time hardly grows with the number of needles.
 */
export function matcher<T>(needles: readonly Needle<T>[]): Matcher<T> {
  const filter = new Uint8Array(2 ** FILTER_BITS);
  const byAnchor = new Map<number, Needle<T>[]>();
  for (const needle of needles) {
    if (needle.bytes.length < ANCHOR_BYTES) throw new RangeError("a needle has at least four bytes");
    const anchor = anchorAt(needle.bytes);
    const others = byAnchor.get(anchor);
    if (others) others.push(needle);
    else byAnchor.set(anchor, [needle]);
    filter[slot(anchor)] = 1;
  }
  return {
    find(text, onHit) {
      if (needles.length === 0) return;
      const last = text.length - ANCHOR_BYTES;
      let anchor = ((text[0] ?? 0) << 16) | ((text[1] ?? 0) << 8) | (text[2] ?? 0);
      for (let at = 0; at <= last; at++) {
        anchor = (anchor << 8) | (text[at + 3] ?? 0);
        if (filter[Math.imul(anchor, 0x9e3779b1) >>> (32 - FILTER_BITS)] === 0) continue;
        for (const needle of byAnchor.get(anchor) ?? []) if (standsAt(text, needle.bytes, at)) onHit(needle, at);
      }
    },
  };
}

function anchorAt(bytes: Uint8Array): number {
  return ((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
}

function slot(anchor: number): number {
  return Math.imul(anchor, 0x9e3779b1) >>> (32 - FILTER_BITS);
}

function standsAt(text: Uint8Array, needle: Uint8Array, at: number): boolean {
  if (at + needle.length > text.length) return false;
  for (let i = ANCHOR_BYTES; i < needle.length; i++) if (text[at + i] !== needle[i]) return false;
  return true;
}
