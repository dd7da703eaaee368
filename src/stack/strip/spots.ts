import { entropyNet } from "./entropy.ts";
import { formatOf } from "./formats/all.ts";
import { LOCK, patterns } from "./patterns.ts";
import { secretlint } from "./secretlint.ts";
import { type Spot, withoutOverlap } from "./strip.ts";

/** UTF-8's byte order mark, one character a byte. */
const BOM = "\xef\xbb\xbf";

/** Every credential in a file: by structure where its format is known, then by pattern where structure saw none. */
export async function spotsIn(text: string, file: string): Promise<Spot[]> {
  const skipped = text.startsWith(BOM) ? BOM.length : 0;
  const body = text.slice(skipped);
  const byStructure = LOCK.test(file) ? [] : structure(body, file);
  const spots = [...byStructure, ...patterns(body, file), ...(await secretlint(body)), ...entropyNet(body, file)];
  return withoutOverlap(spots).map((spot) => ({ ...spot, start: spot.start + skipped, end: spot.end + skipped }));
}

/** A text nested so deeply that its parser runs out of stack is left to the patterns. */
function structure(text: string, file: string): Spot[] {
  try {
    return formatOf(file)?.find(text, file) ?? [];
  } catch (thrown) {
    if (thrown instanceof RangeError) return [];
    throw thrown;
  }
}
