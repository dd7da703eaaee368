/**
 * Fakes: values that look like credentials, open nothing, and can be recognised wherever they turn up. A fake whose
 * form has room carries, encrypted under the installation's key, what it is, which run made it and where it was put,
 * so that a sighting needs no database; a short one is looked up in the cycle's own list.
 */

export type FakePlace = {
  cycle: string;
  /** The file it stands in, `home/.aws/credentials`, or a purpose, `drill`. */
  file: string;
};

export type Fake = FakePlace & {
  /** `fk-` and 10 hex digits: safe to show. */
  id: string;
  kind: string;
  value: string;
};

/** One fake seen in some text. */
export type Sighting = {
  fakeId: string;
  kind: string;
  file: string;
  cycle: string;
  /** How it was written: plain, base64, url, hex, json, …, outermost first. */
  encoding: string;
  /** Byte offset in what was searched (of the encoded form). */
  offset: number;
};

/** Makes fakes for one cycle. The same original at two places gets the same fake, so that a clone still fits together. */
export type FakeMaker = {
  /**
   * A fake for a value. Same kind and length as the original where the kind has a known form; same length and
   * alphabet where it has none. `original` is used for its shape and is not kept.
   */
  fakeFor(original: string, kind: string, place: FakePlace): Fake;
  /** Every fake made so far. */
  all(): readonly Fake[];
};

export type Recogniser = {
  search(bytes: Uint8Array): Sighting[];
  /**
   * The same, and whether all of it was looked at: a text made for that holds more to decode than is worth decoding.
   * @param spareBytes what may be decoded over what the length of the text allows; eight MiB when left out.
   */
  inspect(bytes: Uint8Array, spareBytes?: number): { sightings: Sighting[]; isWhole: boolean };
};
