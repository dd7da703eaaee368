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
const ANSWER_MS_MAX = 500;
/** By what the kernel calls them; gVisor's own mounts are 9p, and answer. */
const ANSWERED_FOR = /^(?:fuse|nfs|cifs|smb|ceph|afs|autofs|glusterfs|lustre|9p|virtiofs|orangefs|coda)/;

async function answers(ground: Ground, path: string): Promise<boolean> {
  const late = new AbortController();
  const silence = sleep(ANSWER_MS_MAX, false, { signal: late.signal, ref: true });
  try {
    return await Promise.race([ground.stat(path).then(() => true), silence]);
  } finally {
    late.abort();
    await silence.catch(() => false);
  }
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
