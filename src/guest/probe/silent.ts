import { setTimeout as sleep } from "node:timers/promises";
import type { Asked, Ground } from "./ground.ts";
import type { MountLine } from "./mounts.ts";

/**
 * Mounts that do not answer. Somebody else answers for a network or FUSE file system, and may never do so; each question put to one
 * that does not keeps a thread of Node's for ever, and there are four. So each such mount is asked once, before any check, and
 * what did not answer is not asked again: what lies there reads not-measured, and everything else is still measured.
 */
export async function silentMounts(ground: Ground, mounts: readonly MountLine[]): Promise<string[]> {
  const silent: string[] = [];
  for (const { path } of mounts.filter(({ fsType }) => ANSWERED_FOR.test(fsType))) {
    // Two threads are left for the others; what is not asked any more counts as silent.
    if (silent.length >= SILENT_MAX || !(await answers(ground, path))) silent.push(path);
  }
  return silent;
}

const SILENT_MAX = 2;
const ANSWER_MS_MAX = 1_000;
/** Each after the root has answered as well: on a busy machine everything is late, and nothing is silent. */
const ROUNDS = 4;
/** By what the kernel calls them. gVisor's own mounts are 9p, and its kernel answers for them: there nobody is asked. */
const ANSWERED_FOR = /^(?:fuse|nfs|cifs|smb|ceph|afs|autofs|glusterfs|lustre|9p|virtiofs|orangefs|coda)/;

async function answers(ground: Ground, path: string): Promise<boolean> {
  // A refusal is an answer as well.
  const asked = ground.stat(path).then(() => true);
  for (let round = 0; round < ROUNDS; round++) {
    const late = new AbortController();
    const silence = sleep(ANSWER_MS_MAX / ROUNDS, false, { signal: late.signal }).catch(() => false);
    const hasAnswered = await Promise.race([asked, silence]);
    late.abort();
    if (hasAnswered) return true;
    await ground.stat("/");
  }
  return false;
}

/** The same ground, on which nothing is asked of these mounts or of what lies on them. */
export function withoutSilent(ground: Ground, silent: readonly string[]): Ground {
  const isSilent = (path: string) => silent.some((mount) => path === mount || path.startsWith(`${mount}/`));
  const unless = <T>(path: string, ask: () => Promise<Asked<T>>): Promise<Asked<T>> =>
    isSilent(path) ? Promise.resolve({ status: "refused", errno: "ETIMEDOUT" }) : ask();
  return {
    table: (path, bytesMax) => unless(path, () => ground.table(path, bytesMax)),
    link: (path) => unless(path, () => ground.link(path)),
    stat: (path) => unless(path, () => ground.stat(path)),
    lstat: (path) => unless(path, () => ground.lstat(path)),
    access: (path, mode) => unless(path, () => ground.access(path, mode)),
    list: (path, max) => unless(path, () => ground.list(path, max)),
    opens: (path, mode) => unless(path, () => ground.opens(path, mode)),
    connect: (target) =>
      "path" in target ? unless(target.path, () => ground.connect(target)) : ground.connect(target),
    maySignal: (pid) => ground.maySignal(pid),
  };
}
