import type { Harvest } from "./harvest.ts";
import type { leakFinder } from "./proof.ts";
import type { Hit } from "./propagate.ts";
import { type Secret, type Spot, spliced, withoutOverlap } from "./strip.ts";

/** What was done to one file: its new bytes, and each replacement with the value that it took out. */
export type StrippedFile = { bytes: Buffer; done: Done[] };
export type Done = Secret & { place: string; by: "structure" | "pattern" | "propagation" };

/**
 * Replaces a file's own spots and every harvested value in it. What is left in an encoding that cannot be rewritten in place,
 * such as compressed text in base64, is replaced whole by characters of the same shape.
 */
export function stripFile(input: {
  bytes: Buffer;
  file: string;
  spots: readonly Spot[];
  harvest: Harvest;
  hitsIn: (text: Buffer) => Hit[];
  leaksIn: ReturnType<typeof leakFinder>;
}): StrippedFile {
  const { bytes, file, spots, harvest, hitsIn, leaksIn } = input;
  const fake = harvest.fakeOf(file);
  const done: Done[] = [];
  const hits = hitsIn(bytes).map((hit) => ({ ...hit, render: () => hit.written, hit }));
  // A value that reaches beyond a spot goes first: the spot is only a part of it.
  const wider = hits.filter((hit) =>
    spots.some((spot) => contains(hit, spot) && hit.end - hit.start > spot.end - spot.start),
  );
  const changes = withoutOverlap<Placed | Spot>([...wider, ...spots, ...hits]);
  for (const change of changes) {
    if ("hit" in change)
      done.push({ value: change.value, kind: change.kind, place: `byte ${change.start}`, by: "propagation" });
    else for (const secret of change.secrets) done.push({ ...secret, place: change.place, by: change.by });
  }
  let text = spliced(bytes.toString("latin1"), changes, fake);
  for (let round = 0; round < 3; round++) {
    const left = leaksIn(Buffer.from(text, "latin1")).leaks.sort((a, b) => b.end - b.start - (a.end - a.start));
    if (left.length === 0) break;
    const covers = withoutOverlap(left).map((leak) => {
      const secret = { value: text.slice(leak.start, leak.end), kind: leak.kind };
      done.push({ ...secret, place: `byte ${leak.start}`, by: "propagation" });
      return { start: leak.start, end: leak.end, render: () => fake({ ...secret, kind: `encoded ${leak.kind}` }) };
    });
    text = spliced(text, covers, fake);
  }
  return { bytes: Buffer.from(text, "latin1"), done };
}

type Placed = Hit & { render: () => string; hit: Hit };

function contains(outer: { start: number; end: number }, inner: { start: number; end: number }): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}
