import { isHostBacked, mountOf } from "../mounts.ts";
import { resolvePlace, unplaced } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, CONTROL, denied, isAbsence, mechanism, named, notMeasured, reachable } from "../row.ts";

/** Where a program writes without asking; `~/` and `.` are the home and the workspace. */
const PLACES = [
  ["/tmp", "temporary files"],
  ["/var/tmp", "temporary files that stay"],
  ["~/", "the home"],
  [".", "the workspace"],
] as const;

export const scratchSpace: Check = {
  id: "scratch-space",
  category: "filesystem",
  why: "A place without a size of its own fills the host's memory or disk, and with it everything else that runs there.",
  misses:
    "Quotas of a disk, which the mount table does not show; and limits on memory, which hold a tmpfs too: resource-limit says those. Nothing is written.",
  source: "tmpfs(5), size; CIS Docker Benchmark 1.6, 5.11",
  async run(context) {
    return { rows: await Promise.all(PLACES.map(([place, what]) => ask(context, place, what))) };
  },
};

async function ask(context: Context, place: string, what: string): Promise<Row> {
  const path = resolvePlace(context, place)?.replace(/(?<=.)\/\.?$/, "");
  if (path === undefined) return unplaced("scratch-space", place);
  const id = `scratch-space:${named(place)}`;
  const subject = `room without a limit for ${what}`;
  const writable = await context.ground.access(path, "write");
  if (writable.status === "refused") {
    if (isAbsence(writable.errno)) return absent(id, subject, "not there");
    return denied(id, subject, CONTROL.write, mechanism(writable.errno), path);
  }
  if (context.facts.boundary === "gvisor")
    return notMeasured(id, subject, "gVisor does not show the size of a mount");
  const mount = context.facts.mounts === undefined ? undefined : mountOf(context.facts.mounts, path);
  if (mount === undefined) return notMeasured(id, subject, "/proc/self/mountinfo cannot be read");
  const size = /(?:^|,)size=(\d+[kmg%]?)/.exec(mount.superOptions)?.[1];
  if (size !== undefined) return denied(id, subject, CONTROL.table, `in memory, limited to ${size}`, path);
  const detail = isHostBacked(mount)
    ? "kept, on a disk that is shared with the host"
    : "in memory, with no size of its own";
  return reachable(id, subject, ["write"], detail, path);
}
