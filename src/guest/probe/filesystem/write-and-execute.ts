import { mountOf } from "../mounts.ts";
import { resolvePlace, unplaced } from "../paths.ts";
import type { Check, Context, Row } from "../probe.ts";
import { absent, CONTROL, denied, isAbsence, mechanism, named, notMeasured, reachable } from "../row.ts";

const PLACES = ["/tmp", "/var/tmp", "/dev/shm", "/run", "~/", "."] as const;

export const writeAndExecute: Check = {
  id: "write-and-execute",
  category: "filesystem",
  why: "Where a file can be both written and started, a program that the image never had can be run.",
  misses:
    "Interpreters, which run what they may only read; program names those that are there. Nothing is written or started.",
  source: "mount(8), noexec; CIS Docker Benchmark 1.6, 5.12",
  async run(context) {
    return { rows: await Promise.all(PLACES.map((place) => ask(context, place))) };
  },
};

async function ask(context: Context, place: string): Promise<Row> {
  const path = resolvePlace(context, place)?.replace(/(?<=.)\/\.?$/, "");
  if (path === undefined) return unplaced("write-and-execute", place);
  const id = `write-and-execute:${named(place)}`;
  const subject = `programs of one's own in ${place}`;
  const writable = await context.ground.access(path, "write");
  if (writable.status === "refused") {
    if (isAbsence(writable.errno)) return absent(id, subject, "not there");
    return denied(id, subject, CONTROL.write, mechanism(writable.errno), path);
  }
  const mount = context.facts.mounts === undefined ? undefined : mountOf(context.facts.mounts, path);
  if (mount === undefined) return notMeasured(id, subject, "/proc/self/mountinfo cannot be read");
  if (mount.flags.includes("noexec")) return denied(id, subject, CONTROL.table, "on a mount with noexec", path);
  return reachable(id, subject, ["write", "execute"], "may be written, on a mount without noexec", path);
}
