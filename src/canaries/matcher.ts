/** A byte string to look for, and what it stands for. At least four bytes long. */
export type Needle<T> = { bytes: Uint8Array; tag: T };

export type Matcher<T> = {
  /** Calls `onHit` for every place of every needle, in order of place; overlapping ones too. */
  find(text: Uint8Array, onHit: (needle: Needle<T>, at: number) => void): void;
  /** Bytes of the shortest needle: in less there is none. Infinity without needles. */
  lengthMin: number;
};

const ANCHOR_BYTES = 4;
/** A short needle makes every look ahead short, so that the long ones do not share a pass with it. */
const LENGTHS = [ANCHOR_BYTES, 8, 16, Number.POSITIVE_INFINITY];

/**
 * Looks for many byte strings at once without reading every byte (Wu and Manber, "A fast algorithm for multi-pattern searching",
 * 1994): the three bytes at the end of a window say how far the window may move on before any needle could begin in it. In a
 * window of sixteen bytes nearly every look is a step of fourteen, however many needles there are.
 */
export function matcher<T>(needles: readonly Needle<T>[]): Matcher<T> {
  if (needles.some(({ bytes }) => bytes.length < ANCHOR_BYTES))
    throw new RangeError("a needle has at least four bytes");
  const passes = LENGTHS.slice(1).flatMap((end, i) => {
    const ofLength = needles.filter(({ bytes }) => bytes.length >= (LENGTHS[i] ?? 0) && bytes.length < end);
    return ofLength.length === 0 ? [] : [passFor(ofLength)];
  });
  const [only] = passes;
  return {
    lengthMin: Math.min(...needles.map(({ bytes }) => bytes.length)),
    find(text, onHit) {
      if (only !== undefined && passes.length === 1) return find(only, text, onHit);
      const hits: { needle: Needle<T>; at: number }[] = [];
      for (const pass of passes) find(pass, text, (needle, at) => hits.push({ needle, at }));
      for (const { needle, at } of hits.sort((a, b) => a.at - b.at)) onHit(needle, at);
    },
  };
}

type Pass<T> = {
  /** Bytes of the shortest of its needles, at most WINDOW_MAX. */
  window: number;
  /** By the hash of three bytes: how far the window moves. 0 where a needle may begin at its start. */
  steps: Uint8Array;
  hashShift: number;
  /** By the last four bytes of the window. */
  byAnchor: Map<number, Needle<T>[]>;
};

const BLOCK_BYTES = 3;
const WINDOW_MAX = 32;
const TABLE_BITS_MAX = 20;

function passFor<T>(needles: readonly Needle<T>[]): Pass<T> {
  const window = Math.min(WINDOW_MAX, ...needles.map(({ bytes }) => bytes.length));
  const blocks = needles.length * (window - BLOCK_BYTES + 1);
  const bits = Math.min(TABLE_BITS_MAX, Math.ceil(Math.log2(blocks)) + 4);
  const hashShift = 32 - bits;
  const steps = new Uint8Array(2 ** bits).fill(window - BLOCK_BYTES + 1);
  const byAnchor = new Map<number, Needle<T>[]>();
  for (const needle of needles) {
    const { bytes } = needle;
    for (let end = BLOCK_BYTES - 1; end < window; end++) {
      const slot = Math.imul(blockAt(bytes, end), SPREAD) >>> hashShift;
      steps[slot] = Math.min(steps[slot] ?? 0, window - 1 - end);
    }
    const anchor = anchorAt(bytes, window - 1);
    const others = byAnchor.get(anchor);
    if (others) others.push(needle);
    else byAnchor.set(anchor, [needle]);
  }
  return { window, steps, hashShift, byAnchor };
}

function find<T>(pass: Pass<T>, text: Uint8Array, onHit: (needle: Needle<T>, at: number) => void): void {
  const { window, steps, hashShift, byAnchor } = pass;
  const { length } = text;
  for (let end = window - 1; end < length; ) {
    const step = steps[Math.imul(blockAt(text, end), SPREAD) >>> hashShift] ?? 0;
    if (step > 0) {
      end += step;
      continue;
    }
    const at = end - window + 1;
    for (const needle of byAnchor.get(anchorAt(text, end)) ?? []) {
      if (standsAt(text, needle.bytes, at)) onHit(needle, at);
    }
    end++;
  }
}

/** 2 to the power of 32 by the golden ratio: spreads what lies close together over the table. */
const SPREAD = 0x9e3779b1;

/** The three bytes that end at `end`. */
function blockAt(bytes: Uint8Array, end: number): number {
  return ((bytes[end - 2] ?? 0) << 16) | ((bytes[end - 1] ?? 0) << 8) | (bytes[end] ?? 0);
}

function anchorAt(bytes: Uint8Array, end: number): number {
  return ((bytes[end - 3] ?? 0) << 24) | blockAt(bytes, end);
}

function standsAt(text: Uint8Array, needle: Uint8Array, at: number): boolean {
  if (at + needle.length > text.length) return false;
  for (let i = 0; i < needle.length; i++) if (text[at + i] !== needle[i]) return false;
  return true;
}
