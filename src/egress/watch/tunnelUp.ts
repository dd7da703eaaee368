import type { Recogniser } from "../../canaries/canaries.ts";
import { searchStream } from "../../canaries/stream.ts";
import { recordPayloads } from "./records.ts";
import { HITS_MAX, type Hit, type Looked } from "./watch.ts";

/** Searches what goes up a tunnel: the bytes as they are, and what its records carry. */
export function searchedUp(recogniser: Recogniser): (chunk: Buffer) => Looked {
  const asTheyAre = searchStream(recogniser);
  const carried = searchStream(recogniser);
  const payloadsOf = recordPayloads();
  return (chunk) => {
    const searches = [asTheyAre.push(chunk), carried.push(payloadsOf(chunk))];
    const found = new Map<string, Hit>();
    for (const sighting of searches.flatMap(({ sightings }) => sightings)) {
      if (found.size < HITS_MAX) found.set(sighting.fakeId, { where: "body", sighting });
    }
    const about = { hits: [...found.values()], tokens: null };
    if (searches.every(({ isWhole }) => isWhole)) return { status: "searched", ...about };
    return { status: "unsearchable", why: "more in the tunnel than can be searched", ...about };
  };
}
