import type { Fake, Recogniser, Sighting } from "./canaries.ts";
import { type Budget, budgetFor } from "./inflate.ts";
import { matcher, type Needle } from "./matcher.ts";
import { sealedFinder } from "./sealed.ts";
import { shapeOf } from "./shape.ts";
import { DEPTH_MAX, views } from "./views.ts";
import { reversed, wide, withoutCase, writtenForms } from "./written.ts";

/** More sightings than this in one text tell nobody more. */
const SIGHTINGS_MAX = 1000;

/** Decoded bytes allowed for one search: a few times the text, so that a hostile one costs no more than a long one. */
const bytesMaxFor = (length: number, spareBytes: number) => 32 * length + spareBytes;
/** A short text may hold a long one that is compressed. */
const SPARE_BYTES = 8 * 1024 * 1024;
/** Compressed streams in one text that are opened; a hostile one holds a million. */
const STREAMS_MAX = 256;

/**
 * Finds fakes in any bytes, however they are written: plain, base64 or base32 at each alignment, hex, URL or JSON escapes,
 * HTML entities, gzip, backwards, in one case, in UTF-16, and these inside one another up to four deep. With the master key also fakes that are not in the list,
 * when their form carries a sealed block. What it misses: a value that was cut up, changed, or encrypted.
 */
export function recogniser(fakes: readonly Fake[], masterKey?: Uint8Array): Recogniser {
  const needles = matcher(needlesOf(fakes));
  const sealed = masterKey === undefined ? undefined : sealedFinder(masterKey);

  const look = (
    bytes: Buffer,
    encodings: readonly string[],
    at: (i: number) => number,
    seen: Seen,
    budget: Budget,
  ) => {
    const whole: { start: number; end: number }[] = [];
    needles.find(bytes, ({ tag: { fake, encoding }, bytes: needle }, i) => {
      whole.push({ start: i, end: i + needle.length });
      const chain = encoding === "plain" ? encodings : [...encodings, encoding];
      seen.add({
        fakeId: fake.id,
        kind: fake.kind,
        file: fake.file,
        cycle: fake.cycle,
        encoding: nameOf(chain),
        offset: at(i),
      });
    });
    const shape = shapeOf(bytes);
    sealed?.(bytes, shape, (block, i) => {
      if (whole.some(({ start, end }) => start <= i && i < end)) return;
      seen.add({ ...block, encoding: nameOf(encodings), offset: at(i) });
    });
    if (encodings.length >= DEPTH_MAX) return;
    for (const view of views(bytes, budget, shape, encodings.at(-1))) {
      if (seen.isFull()) return;
      look(view.bytes, [...encodings, view.encoding], (i) => at(view.offsetOf(i)), seen, budget);
    }
  };

  const inspect: Recogniser["inspect"] = (bytes, spareBytes = SPARE_BYTES) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const seen = sightings();
    const budget = budgetFor(buffer.length, { bytes: bytesMaxFor(buffer.length, spareBytes), streams: STREAMS_MAX });
    look(buffer, [], (i) => i, seen, budget);
    return { sightings: seen.all(), isWhole: !budget.isSpent && !seen.isFull() };
  };
  return { inspect, search: (bytes) => inspect(bytes).sightings };
}

type Seen = { add(sighting: Sighting): void; all(): Sighting[]; isFull(): boolean };

function sightings(): Seen {
  const found: Sighting[] = [];
  const seen = new Set<string>();
  return {
    add(sighting) {
      // The second of two routes to one place says a place a little beside it, or a longer chain.
      const near = Math.round(sighting.offset / 8);
      const keys = [near - 1, near, near + 1].map((n) => `${sighting.fakeId}:${n}`);
      if (found.length >= SIGHTINGS_MAX || keys.some((key) => seen.has(key))) return;
      seen.add(`${sighting.fakeId}:${near}`);
      found.push(sighting);
    },
    all: () => found.sort((a, b) => a.offset - b.offset),
    isFull: () => found.length >= SIGHTINGS_MAX,
  };
}

function nameOf(encodings: readonly string[]): string {
  return encodings.length === 0 ? "plain" : encodings.join("+");
}

type Tag = { fake: Fake; encoding: string };

function needlesOf(fakes: readonly Fake[]): Needle<Tag>[] {
  return fakes
    .flatMap((fake) =>
      carriers(fake.value).flatMap((carrier) =>
        [...writtenForms(carrier), reversed(carrier), wide(carrier), ...withoutCase(carrier)].map(
          ({ bytes, encoding }) => ({
            bytes,
            tag: { fake, encoding },
          }),
        ),
      ),
    )
    .filter((needle) => needle.bytes.length >= 4);
}

/** A key of many lines is known by any of its own lines, however it is wrapped in what carries it; the first is the same in all keys of a type. */
function carriers(value: string): Buffer[] {
  if (!value.includes("\n")) return [Buffer.from(value, "latin1")];
  const lines = value.split(/\r?\n/).filter((line) => /^[A-Za-z0-9+/=]{24,}$/.test(line));
  return (lines.length > 1 ? lines.slice(1) : lines).map((line) => Buffer.from(line, "latin1"));
}
