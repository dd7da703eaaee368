import { NOT_SPELT, resolvePlace, showPath } from "../paths.ts";
import type { Check, Row } from "../probe.ts";
import { absent, instance, notMeasured } from "../row.ts";
import { askSocket } from "../sockets.ts";
import { ENGINE_SOCKETS } from "./engine-places.ts";
import { findSockets } from "./find-sockets.ts";

/** Sockets asked in one run: more is a machine and not a sandbox. */
const SOCKETS_MAX = 120;
/** Directories of unspeakable names that are named. */
const UNSPELT_MAX = 10;

export const unixSocket: Check = {
  id: "unix-socket",
  category: "cross-boundary",
  why: "A socket that was mounted in answers from outside, also through a read-only mount.",
  misses:
    "Sockets deeper than the walk goes, or in directories this process may not list. Nothing is sent to tell what answers.",
  source: "GreyhavenHQ/greywall issue 55; measured: a read-only bind of / left 30 sockets connectable",
  async run(context) {
    const walk = await findSockets(context);
    const known = new Set(ENGINE_SOCKETS.map(([place]) => resolvePlace(context, place)));
    const found = walk.paths.filter((path) => !known.has(path) && !known.has(path.replace(/^\/run\//, "/var/run/")));
    const paths = oneOfEachKindFirst(found, (path) => instance(showPath(context, path)));
    const rows: Row[] = [];
    for (const path of paths.slice(0, SOCKETS_MAX)) {
      const shown = showPath(context, path);
      rows.push(await askSocket(context, `unix-socket:${instance(shown)}`, shown, path));
    }
    for (const path of walk.unspelt.slice(0, UNSPELT_MAX)) {
      const shown = showPath(context, path);
      rows.push(notMeasured(`unix-socket:${instance(shown)}/`, shown, NOT_SPELT));
    }
    if (rows.length === 0) rows.push(absent("unix-socket", "unix sockets", "none was found"));
    if (walk.isWhole && paths.length <= SOCKETS_MAX) return { rows };
    return { rows, fellShort: walk.isWhole ? `only ${SOCKETS_MAX} sockets were asked` : "the walk met its bounds" };
  },
};

/** Hundreds whose names were drawn by one service are one row; they must not keep a single other one from being asked. */
function oneOfEachKindFirst(paths: readonly string[], kindOf: (path: string) => string): string[] {
  const kinds = new Set<string>();
  const [first, rest]: [string[], string[]] = [[], []];
  for (const path of paths) {
    const isFirst = !kinds.has(kindOf(path));
    kinds.add(kindOf(path));
    (isFirst ? first : rest).push(path);
  }
  return [...first, ...rest];
}
