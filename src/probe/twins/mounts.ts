import type { Room, Stance } from "./twin.ts";

/** Something of the stage, read-only at a path. */
export function bound(path: string, source: string): Pick<Stance, "mounts"> {
  return { mounts: [{ kind: "bind", source, path, mode: "ro" }] };
}

/** What the sibling has at a path, read-write. */
export function writable(sibling: Room, path: string): Pick<Stance, "mounts"> {
  return {
    mounts: sibling.mounts.flatMap((mount) =>
      mount.kind === "bind" && mount.path === path ? [{ ...mount, mode: "rw" as const }] : [],
    ),
  };
}
