import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { OperatorError } from "../base/errors.ts";
import { resolveInside } from "../sandbox/ownRoot.ts";
import type { Clone, Declared, DeclaredResource } from "../stack/stack.ts";

/** A directory of ours that appears at `path` inside. */
export type Base = { path: string; root: string };

/** What of the clone is mounted, and where. */
export function basesOf(declared: Declared, clone: Pick<Clone, "home" | "workspace">): Base[] {
  const ofResources = declared.resources.flatMap((resource) => {
    const root = clonedAt(resource, clone);
    return root !== undefined && existsSync(root) && isDirectory(resource, clone)
      ? [{ path: resource.path, root }]
      : [];
  });
  return [{ path: declared.workspacePath, root: clone.workspace }, ...ofResources];
}

/**
 * Makes the places for mounts that lie within another one: a project below the home, a volume at node_modules. A backend
 * would make them too, but as root and closed to the agent's user, and in the middle of a proof that compares trees.
 */
export async function makeMountPoints(
  declared: Declared,
  clone: Pick<Clone, "home" | "workspace">,
  bases: readonly Base[],
): Promise<void> {
  refuseImpossible(declared);
  const places = [
    { path: declared.homePath, isDirectory: true },
    { path: declared.workspacePath, isDirectory: true },
    ...declared.resources
      .filter(({ kind }) => kind !== "device" && kind !== "hidden")
      .map((resource) => ({ path: resource.path, isDirectory: isDirectory(resource, clone) })),
  ];
  for (const place of places.toSorted((a, b) => a.path.length - b.path.length)) {
    const base = enclosing(place.path, bases);
    if (base === undefined) continue;
    const inside = await resolveInside(base.root, posix.relative(base.path, place.path));
    const at = join(base.root, inside);
    if (existsSync(at)) continue;
    mkdirSync(place.isDirectory ? at : dirname(at), { recursive: true, mode: 0o755 });
    if (!place.isDirectory) writeFileSync(at, "", { mode: 0o644, flag: "wx" });
  }
}

/** What of the stack a resource is, in the clone; undefined when it is not of the stack. */
export function clonedAt(
  { logical }: DeclaredResource,
  clone: Pick<Clone, "home" | "workspace">,
): string | undefined {
  if (logical === undefined) return undefined;
  const [root, ...below] = logical.split("/");
  return join(root === "home" ? clone.home : clone.workspace, ...below);
}

/** A file of the host by its name, since the host's own is not looked at: `/etc/localtime`, `/srv/ca.pem`. */
export function isFileName(path: string): boolean {
  const name = posix.basename(path);
  return /^[^.].*\.[A-Za-z0-9]{1,8}$/.test(name) || FILES.has(name);
}

const FILES = new Set(
  "passwd group shadow localtime timezone hosts hostname machine-id docker kubectl .Xauthority".split(" "),
);

function isDirectory(resource: DeclaredResource, clone: Pick<Clone, "home" | "workspace">): boolean {
  if (resource.kind === "engine-socket" || resource.kind === "agent-socket") return false;
  if (resource.kind === "host-directory") return !isFileName(resource.source);
  const source = clonedAt(resource, clone);
  return source === undefined || !existsSync(source) || statSync(source).isDirectory();
}

/** The innermost base that holds the path and is not at it. */
function enclosing(path: string, bases: readonly Base[]): Base | undefined {
  return bases
    .filter((base) => path.startsWith(`${base.path}/`))
    .toSorted((a, b) => b.path.length - a.path.length)
    .at(0);
}

/** Every sandbox has these of its own. */
const TAKEN = ["/", "/proc", "/dev", "/sys"];

function refuseImpossible({ homePath, workspacePath }: Declared): void {
  for (const path of [homePath, workspacePath]) {
    if (!TAKEN.includes(posix.normalize(path).replace(/(?<=.)\/$/, ""))) continue;
    throw new OperatorError(
      `a stack at ${path} cannot be rebuilt: every sandbox has its own there`,
      "put the agent's home and workspace into directories of their own",
    );
  }
}
