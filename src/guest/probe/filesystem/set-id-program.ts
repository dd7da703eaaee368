import { mountOf } from "../mounts.ts";
import type { Check, Context, Row } from "../probe.ts";
import { findPrograms } from "../programs.ts";
import { absent, CONTROL, denied, notMeasured, reachable } from "../row.ts";

/** Programs that distributions and sandboxes install to run as root. */
const NAMES = (
  "at bwrap chfn chsh crontab doas expiry fusermount fusermount3 gpasswd mount mount.nfs newgidmap newgrp newuidmap ntfs-3g " +
  "passwd ping pkexec screen singularity sg ssh-agent su sudo sudoedit umount wall write"
).split(" ");
const SET_USER_ID = 0o4000;
const SET_GROUP_ID = 0o2000;

export const setIdProgram: Check = {
  id: "set-id-program",
  category: "filesystem",
  why: "Such a program runs as somebody else, root as a rule, and a flaw in it makes its caller that somebody.",
  misses: "Programs that are not in the table, and file capabilities. Nothing is started.",
  source: "execve(2); CVE-2021-4034 (pkexec); CIS Docker Benchmark 1.6, 4.8",
  async run(context) {
    const { status } = context.facts;
    const uid = status?.get("Uid")?.split(/\s+/)[1];
    if (status === undefined || uid === undefined)
      return { rows: [notMeasured("set-id-program", "set-user-id programs", "/proc/self/status cannot be read")] };
    const caller = { uid, isStopped: status.get("NoNewPrivs") === "1" };
    const found = await findPrograms(context, NAMES);
    const paths = [...found.paths].flatMap(([name, places]) => places.map((path) => [name, path] as const));
    const asked = await Promise.all(paths.map(([name, path]) => ask(context, path, name, caller)));
    const rows = asked.filter((row) => row !== undefined);
    if (rows.length === 0) rows.push(absent("set-id-program", "set-user-id programs", "none of the table"));
    return found.isWhole ? { rows } : { rows, fellShort: "a directory of programs could not be listed to its end" };
  },
};

type Caller = { uid: string; isStopped: boolean };

/** Undefined for what is not there, and for what does not run as another user. */
async function ask(context: Context, path: string, name: string, caller: Caller): Promise<Row | undefined> {
  const thing = await context.ground.stat(path);
  if (thing.status === "refused" || thing.value.kind !== "file") return undefined;
  const { mode, uid } = thing.value;
  const isOther = (mode & SET_USER_ID) !== 0 && String(uid) !== caller.uid;
  if (!isOther && (mode & SET_GROUP_ID) === 0) return undefined;
  const id = `set-id-program:${name}`;
  const subject = `${name}, a program that runs as ${isOther ? "another user" : "another group"}`;
  if (context.facts.boundary === "gvisor")
    return denied(id, subject, CONTROL.table, "only towards gVisor's kernel, not the host's", path);
  if (caller.isStopped) return denied(id, subject, CONTROL.table, "no_new_privs is set", path);
  const mount = context.facts.mounts === undefined ? undefined : mountOf(context.facts.mounts, path);
  if (mount?.flags.includes("nosuid") === true)
    return denied(id, subject, CONTROL.table, "on a mount with nosuid", path);
  const executable = await context.ground.access(path, "execute");
  if (executable.status === "refused") return denied(id, subject, CONTROL.read, executable.errno, path);
  return reachable(id, subject, ["execute"], "may be started, and no_new_privs is not set; not started", path);
}
