import { resolvePlace, unplaced } from "../paths.ts";
import type { Check, Row } from "../probe.ts";
import { named } from "../row.ts";
import { askSocket } from "../sockets.ts";
import { ENGINE_SOCKETS } from "./engine-places.ts";

export const engineSocket: Check = {
  id: "engine-socket",
  category: "cross-boundary",
  why: "Whoever speaks to a container engine is root on the machine it runs on.",
  misses:
    "An engine's socket under another name; unix-socket finds it as a socket. Nothing is sent to tell what answers.",
  source: "OWASP Docker Security Cheat Sheet, rule 1; CIS Docker Benchmark 1.6, 5.32",
  async run(context) {
    const rows: Row[] = [];
    const inodes = new Set<string>();
    for (const [place, what] of ENGINE_SOCKETS) {
      const path = resolvePlace(context, place);
      if (path === undefined) {
        rows.push(unplaced("engine-socket", place));
        continue;
      }
      const thing = await context.ground.stat(path);
      const inode = thing.status === "answered" ? `${thing.value.dev}:${thing.value.ino}` : undefined;
      // /var/run is often a link to /run: one socket, one row, under the name that comes first.
      if (inode !== undefined && inodes.has(inode)) continue;
      if (inode !== undefined) inodes.add(inode);
      rows.push(await askSocket(context, `engine-socket:${named(place)}`, what, path));
    }
    return { rows };
  },
};
