import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Isolation, Mount } from "../sandbox/sandbox.ts";
import type { Clone, Declared } from "../stack/stack.ts";
import { clonedAt } from "./mountPoints.ts";

/** Who is nobody's owner. */
export const NOBODY = { uid: 65_534, gid: 65_534 };

/**
 * The clone belongs to the agent's own user and may be closed to everybody else: another one would study a workspace that it cannot
 * read. Root without a capability is nobody to a kernel of the lab's own; to the host's kernel it still owns root's files.
 */
export function labUser({ user }: Pick<Declared, "user">, isolation: Isolation): { uid: number; gid: number } {
  return user.uid === 0 && isolation === "container" ? NOBODY : { uid: user.uid, gid: user.gid };
}

/**
 * The workspace of the clone, read-only, and nothing else of it. What the agent's sandbox covers there is covered here too: the
 * lab may not read what the target cannot. `directory` is ours, for what covers.
 */
export function labMounts(
  declared: Pick<Declared, "workspacePath" | "resources">,
  clone: Pick<Clone, "home" | "workspace">,
  directory: string,
): Mount[] {
  const mounts: Mount[] = [
    { kind: "tmpfs", path: "/tmp", sizeMiB: 64 },
    { kind: "bind", source: clone.workspace, path: declared.workspacePath, mode: "ro" },
  ];
  const covered = declared.resources.filter(
    ({ kind, path }) => kind === "hidden" && path.startsWith(`${declared.workspacePath}/`),
  );
  for (const [index, resource] of covered.entries()) {
    const there = clonedAt(resource, clone);
    if (there === undefined || !existsSync(there)) continue;
    const cover = join(directory, `cover${index}`);
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    if (statSync(there).isDirectory()) mkdirSync(cover, { recursive: true, mode: 0o755 });
    else writeFileSync(cover, "");
    mounts.push({ kind: "bind", source: cover, path: resource.path, mode: "ro" });
  }
  return mounts;
}
