import { askWritable, isKept, resolvePlace, unplaced } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, named } from "../row.ts";
import { PERSISTENCE } from "./trust-places.ts";

export const persistencePath: Check = {
  id: "persistence-path",
  category: "memory",
  why: "What an intruder puts here starts again by itself in a later session.",
  misses: "Schedulers and plug-in directories that are not in the table.",
  source: "MITRE ATT&CK T1546, T1053, T1543",
  async run(context) {
    const rows = await Promise.all(PERSISTENCE.map(([place, what]) => ask(context, place, what)));
    return {
      rows: [
        ...rows,
        ...(await Promise.all(pathDirectories(context).map((path) => ask(context, path, "programs by PATH")))),
      ],
    };
  },
};

async function ask(context: Context, place: string, what: string): Promise<Row> {
  const path = resolvePlace(context, place);
  if (path === undefined) return unplaced("persistence-path", place);
  const id = `persistence-path:${named(place)}`;
  const subject = `${place} (${what})`;
  const row = await askWritable(context, id, subject, path);
  if (row.verdict !== "reachable") return row;
  const kept = isKept(context, path);
  if (kept === false) return absent(id, subject, "writable, but in memory only: it ends with the sandbox");
  return {
    ...row,
    detail: `${row.detail}; ${kept === true ? "kept after the sandbox ends" : "whether it is kept is not known"}`,
  };
}

/** Absolute ones only; those in the home are named as such. */
function pathDirectories({ environment, facts }: Context): string[] {
  const { home } = facts;
  const directories = (environment["PATH"] ?? "").split(":").filter((path) => path.startsWith("/"));
  const shown = directories.map((path) =>
    home !== undefined && path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path,
  );
  const known = new Set(PERSISTENCE.map(([place]) => place));
  return [...new Set(shown)].filter((place) => !known.has(place)).slice(0, 20);
}
