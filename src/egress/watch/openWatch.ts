import type { Finders } from "./examine.ts";
import { greetingHeaders } from "./greeting.ts";
import { searcher } from "./searcher.ts";
import { searchedUp } from "./tunnelUp.ts";
import { HITS_MAX, type Hit, type Looked, type Watch } from "./watch.ts";
import { rollingWindow } from "./window.ts";

/** The watch of one gateway. */
export function openWatch(): Watch {
  const searches = searcher();
  const window = rollingWindow();
  const look: Watch["look"] = async (sandbox, headers, body, tokensAtMs) => {
    const { looked, ends } = await searches.examine(sandbox, headers, body, tokensAtMs);
    // A request that is refused for a fake did not go up: its pieces are none to be joined with later ones.
    if (looked.hits.length > 0) return looked;
    const joined = window.join(sandbox, ends);
    const hits: Hit[] = [];
    if (joined.length === 0) return looked;
    for (const sighting of searches.finders()?.joined.search(joined) ?? []) {
      const isKnown = hits.some((hit) => hit.sighting.fakeId === sighting.fakeId);
      if (!isKnown && hits.length < HITS_MAX) hits.push({ where: "requests", sighting });
    }
    if (hits.length === 0) return looked;
    window.forget(sandbox);
    return { ...looked, hits };
  };
  return {
    fakes: (fakes, masterKey) => searches.fakes(fakes, masterKey),
    look,
    tunnel(sandbox) {
      let search: { finders: Finders; up(chunk: Buffer): Looked } | undefined;
      return {
        greeting: (bytes) => look(sandbox, greetingHeaders(bytes), bytes),
        up(chunk) {
          const finders = searches.finders();
          if (finders === null) return { status: "searched", hits: [], tokens: null };
          if (search?.finders !== finders) search = { finders, up: searchedUp(finders.whole) };
          return search.up(chunk);
        },
      };
    },
    forget: (sandbox) => window.forget(sandbox),
  };
}
