import type { Harvest } from "./harvest.ts";
import type { leakFinder } from "./proof.ts";
import type { Hit } from "./propagate.ts";
import { firstAtOrAfter, type Secret, type Spot, spliced, withoutOverlap } from "./strip.ts";

/** What was done to one file: its new bytes, and each replacement with the value that it took out. */
export type StrippedFile =
  | { status: "stripped"; bytes: Buffer; done: Done[] }
  /** It unfolds, as a compressed bomb does, beyond what the proof could read. */
  | { status: "unreadable" };
export type Done = Secret & { place: string; by: "structure" | "pattern" | "propagation" };

/**
 * Replaces a file's own spots and every harvested value in it. A value in an encoding that cannot be rewritten in place, such as
 * compressed text in base64, goes with the whole of it: that becomes characters of the same shape which mean nothing.
 */
export function stripFile(input: {
  bytes: Buffer;
  file: string;
  /** In order of place, none overlapping. */
  spots: readonly Spot[];
  harvest: Harvest;
  hitsIn: (text: Buffer) => Hit[];
  leaksIn: ReturnType<typeof leakFinder>;
}): StrippedFile {
  const { bytes, file, spots, harvest, hitsIn, leaksIn } = input;
  const hits = hitsIn(bytes).map((hit) => ({ ...hit, render: () => hit.written }));
  // A value that reaches beyond a spot goes first: the spot is only a part of it.
  const wider = hits.filter((hit) => reachesBeyond(hit, spots));
  const changes = withoutOverlap<(typeof hits)[number] | Spot>([...wider, ...spots, ...hits]);
  const done: Done[] = [];
  for (const change of changes) {
    if ("secrets" in change) {
      for (const { value } of change.secrets) {
        done.push({ value, kind: harvest.kindOf(value), place: change.place, by: change.by });
      }
    } else done.push({ value: change.value, kind: change.kind, place: `byte ${change.start}`, by: "propagation" });
  }
  let text = spliced(bytes.toString("latin1"), changes, harvest.fakeOf(file));
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { leaks, isWhole } = leaksIn(Buffer.from(text, "latin1"));
    if (!isWhole) return { status: "unreadable" };
    const left = leaks.filter(({ encoding }) => encoding.includes("+"));
    if (left.length === 0) break;
    const covers = withoutOverlap(left.sort((a, b) => b.end - b.start - (a.end - a.start)));
    for (const { start, end, kind } of covers) {
      done.push({
        value: text.slice(start, end),
        kind: `encoded ${kind}`,
        place: `byte ${start}`,
        by: "propagation",
      });
    }
    const source = text;
    text = spliced(
      text,
      covers.map((cover) => ({ ...cover, render: () => blanked(source.slice(cover.start, cover.end)) })),
      harvest.fakeOf(file),
    );
  }
  return { status: "stripped", bytes: Buffer.from(text, "latin1"), done };
}

/** What covers one leak may uncover another; the proof has the last word. */
const ROUNDS_MAX = 3;

function reachesBeyond(hit: Hit, spots: readonly Spot[]): boolean {
  const spot = spots[firstAtOrAfter(spots, hit.start, ({ start }) => start)];
  return spot !== undefined && spot.end <= hit.end && hit.end - hit.start > spot.end - spot.start;
}

function blanked(text: string): string {
  return text.replaceAll(/[0-9]/g, "0").replaceAll(/[a-z]/g, "x").replaceAll(/[A-Z]/g, "X");
}
