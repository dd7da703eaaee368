import { type Asked, type Ground } from "./ground.ts";

/**
 * Landlock decides when a file is opened, and access(2) does not ask it: under Landlock a path may be "allowed" by its mode and its
 * mount and still be closed. What it closes cannot be listed from inside either. So once it is seen to be in force, no permission that
 * access(2) grants is believed; what files of ours show from outside (place-canary, outside-canary) is.
 *
 * Seen by a contradiction: the kernel refuses to open what access(2), asked in the same breath, grants. Asked of the root directory,
 * for listing, and of this process's own name in /proc, which is its to write; nothing is read or written. A policy that
 * leaves both open is not seen. (Documentation/userspace-api/landlock.rst, "access(2)" among what it does not restrict yet)
 */
export async function isLandlocked(ground: Ground): Promise<boolean> {
  const listing = await ground.access("/", "read");
  if (listing.status === "answered" && isEacces(await ground.list("/", 1))) return true;
  const writing = await ground.access(OWN_NAME, "write");
  return writing.status === "answered" && isEacces(await ground.opens(OWN_NAME, "write"));
}

const OWN_NAME = "/proc/self/comm";

/** In place of an errno: permission is granted as far as access(2) can tell. */
export const LANDLOCKED = "its permissions allow it; Landlock is in force, which access(2) does not ask";

/** The same ground where no granted permission is believed. */
export function underLandlock(ground: Ground): Ground {
  return {
    ...ground,
    async access(path, mode) {
      const asked = await ground.access(path, mode);
      return asked.status === "answered" ? { status: "refused", errno: LANDLOCKED } : asked;
    },
  };
}

function isEacces(asked: Asked<unknown>): boolean {
  return asked.status === "refused" && asked.errno === "EACCES";
}
