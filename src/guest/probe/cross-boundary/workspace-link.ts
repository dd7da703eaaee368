import { posix } from "node:path";
import { isSpelt, NOT_SPELT, showPath } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, instance, notMeasured, reachable } from "../row.ts";

const DIRECTORIES_MAX = 300;
const ENTRIES_OF_ONE_MAX = 500;
const ROWS_MAX = 50;
const NOT_ENTERED = new Set(["node_modules", "site-packages", "__pycache__", "objects"]);

export const workspaceLink: Check = {
  id: "workspace-link",
  category: "cross-boundary",
  why: "A program of the host that copies the workspace out and follows such a link reads or writes what the link names there.",
  misses:
    "Links below node_modules and the like, hard links, links that lead out by way of another link, and whether the host's copier follows one.",
  source: "CVE-2024-21626 and kubectl cp (CVE-2019-1002101) for the class; path_resolution(7)",
  async run(context) {
    const { workspace } = context.facts;
    const subject = "links that lead out of the workspace";
    if (workspace === undefined) return { rows: [notMeasured("workspace-link", subject, "no workspace was named")] };
    const found = await findLinks(context, workspace);
    if (found.status === "refused")
      return { rows: [notMeasured("workspace-link", subject, `cannot be listed: ${found.errno}`)] };
    const rows = found.rows.slice(0, ROWS_MAX);
    if (rows.length === 0) rows.push(absent("workspace-link", subject, "none was found"));
    const fellShort =
      found.fellShort ?? (found.rows.length > ROWS_MAX ? `only ${ROWS_MAX} links are named` : undefined);
    return fellShort === undefined ? { rows } : { rows, fellShort };
  },
};

const BOUNDS = "the walk met its bounds";

type Found = { status: "looked"; rows: Row[]; fellShort?: string } | { status: "refused"; errno: string };

/** Layer by layer; no link is followed, so no loop can form. */
async function findLinks(context: Context, workspace: string): Promise<Found> {
  const rows: Row[] = [];
  const waiting = [workspace];
  const fellShort = new Set<string>();
  for (let at = 0; at < waiting.length; at++) {
    if (at >= DIRECTORIES_MAX) return { status: "looked", rows, fellShort: BOUNDS };
    const directory = waiting[at] ?? workspace;
    const listed = await context.ground.list(directory, ENTRIES_OF_ONE_MAX);
    if (listed.status === "refused") {
      if (at === 0) return listed;
      // One that is gone meanwhile holds nothing.
      if (listed.errno !== "ENOENT") fellShort.add(`a directory could not be listed: ${listed.errno}`);
      continue;
    }
    if (!listed.value.isWhole) fellShort.add(BOUNDS);
    for (const { name, kind } of listed.value.entries) {
      const path = posix.join(directory, name);
      if (!isSpelt(name)) {
        if (kind === "directory" || kind === "link") rows.push(unspelt(context, path));
        continue;
      }
      if (kind === "directory" && !NOT_ENTERED.has(name)) waiting.push(path);
      const row = kind === "link" ? await ask(context, path, workspace) : undefined;
      if (row !== undefined) rows.push(row);
    }
  }
  return { status: "looked", rows, ...(fellShort.size === 0 ? {} : { fellShort: [...fellShort].sort().join("; ") }) };
}

function unspelt(context: Context, path: string): Row {
  const shown = showPath(context, path);
  return notMeasured(`workspace-link:${instance(shown)}`, shown, NOT_SPELT);
}

/** Undefined for a link that stays inside. Where it leads is said by kind: the text of a link is whoever's wrote it. */
async function ask(context: Context, path: string, workspace: string): Promise<Row | undefined> {
  const link = await context.ground.link(path);
  if (link.status === "refused") return undefined;
  const target = posix.resolve(posix.dirname(path), link.value);
  if (target === workspace || target.startsWith(workspace === "/" ? "/" : `${workspace}/`)) return undefined;
  const shown = showPath(context, path);
  const how = link.value.startsWith("/") ? "by an absolute path" : "by a path that climbs";
  return reachable(`workspace-link:${instance(shown)}`, shown, ["read"], `leads out of the workspace ${how}`, path);
}
