import { breakDown, type Part } from "./value.ts";

/**
 * Stripping takes every credential out of a text and puts a fake in its place, and touches no other byte. First by
 * structure: a parser of the file's format says where each value stands, a table of field names says which are
 * credentials (`fields.ts`). Then by pattern (`patterns.ts`, `secretlint.ts`, `entropy.ts`). Then everything found anywhere is
 * replaced everywhere (`propagate.ts`), and at last a scan that shares nothing with the strippers proves it gone (`proof.ts`).
 *
 * Text is latin1 throughout: one character a byte, so that an offset is a byte's and a file that is no UTF-8 stays as it is.
 */

/** A stretch of text that holds one or more credentials. */
export type Spot = {
  start: number;
  end: number;
  secrets: readonly Secret[];
  /** JSON pointer, key or line, without a value in it. */
  place: string;
  by: "structure" | "pattern";
  /** The stretch with each credential replaced by what `fake` gives for it. */
  render(fake: FakeOf): string;
};

export type Secret = { value: string; kind: string };
export type FakeOf = (secret: Secret) => string;
export type Finder = (text: string, file: string) => Spot[];

/** A value in a file's format: where its inside stands, what it says, and how the format would write another. */
export type Scalar = {
  start: number;
  end: number;
  value: string;
  encode(value: string): string;
};

/**
 * The spots of a value in a credential's field (`kind` says which) or in any other (`undefined`): there only what shows itself
 * as a credential, such as userinfo in a URL. A value that is written as it is read gives a spot for each part; one with escapes is written anew whole.
 */
export function spotsOf(
  text: string,
  scalar: Scalar,
  kind: string | undefined,
  place: string,
  isSure = false,
): Spot[] {
  const parts = breakDown(scalar.value, kind, isSure);
  if (parts.length === 0) return [];
  if (text.slice(scalar.start, scalar.end) === scalar.value && scalar.encode(scalar.value) === scalar.value) {
    return parts.map((part) => ({
      start: scalar.start + part.start,
      end: scalar.start + part.end,
      secrets: part.secrets,
      place,
      by: "structure",
      render: (fake) => part.render(fake),
    }));
  }
  const whole: Spot = {
    start: scalar.start,
    end: scalar.end,
    secrets: parts.flatMap((part) => part.secrets),
    place,
    by: "structure",
    render: (fake) => scalar.encode(spliced(scalar.value, parts, fake)),
  };
  return [whole];
}

/** The text with each part rendered in its place. Parts are in order and do not overlap. */
export function spliced(
  text: string,
  parts: readonly Pick<Part, "start" | "end" | "render">[],
  fake: FakeOf,
): string {
  let result = "";
  let done = 0;
  for (const part of parts) {
    result += text.slice(done, part.start) + part.render(fake);
    done = part.end;
  }
  return result + text.slice(done);
}

/** In order of place; of two that overlap the one that stands earlier in the list given stays. */
export function withoutOverlap<T extends { start: number; end: number }>(spots: readonly T[]): T[] {
  const kept: { spot: T; rank: number }[] = [];
  const ranked = spots
    .map((spot, rank) => ({ spot, rank }))
    .sort((a, b) => a.spot.start - b.spot.start || a.rank - b.rank);
  for (const next of ranked) {
    let isBeaten = false;
    while (!isBeaten) {
      const last = kept.at(-1);
      if (last === undefined || next.spot.start >= last.spot.end) break;
      if (last.rank < next.rank) isBeaten = true;
      else kept.pop();
    }
    if (!isBeaten) kept.push(next);
  }
  return kept.map(({ spot }) => spot);
}

/** The 1-based line of a place. */
export function lineNumbers(text: string): (at: number) => number {
  const ends: number[] = [];
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) ends.push(end);
  return (at) => firstAtOrAfter(ends, at, (end) => end) + 1;
}

/** The index of the first item whose number is at least `least`; items are in order of it. */
export function firstAtOrAfter<T>(items: readonly T[], least: number, numberOf: (item: T) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item !== undefined && numberOf(item) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
