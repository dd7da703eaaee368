import { searcher } from "./searcher.ts";
import { HITS_MAX, type Hit, type Watch } from "./watch.ts";
import { rollingWindow } from "./window.ts";

/** The watch of one gateway. */
export function openWatch(): Watch {
  const search = searcher();
  const window = rollingWindow();
  return {
    fakes: (fakes, masterKey) => search.fakes(fakes, masterKey),
    async look(sandbox, headers, body) {
      const { looked, ends } = await search.examine(sandbox, headers, body);
      // A request that is refused for a fake did not go up: its pieces are none to be joined with later ones.
      if (looked.hits.length > 0) return looked;
      const joined = window.join(sandbox, ends);
      const hits: Hit[] = [];
      for (const sighting of search.finders()?.joined.search(joined) ?? []) {
        const isKnown = hits.some((hit) => hit.sighting.fakeId === sighting.fakeId);
        if (!isKnown && hits.length < HITS_MAX) hits.push({ where: "requests", sighting });
      }
      if (hits.length === 0) return looked;
      window.forget(sandbox);
      return { ...looked, hits };
    },
    forget: (sandbox) => window.forget(sandbox),
    recogniser: () => search.finders()?.whole ?? null,
  };
}
