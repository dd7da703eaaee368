/**
 * Pure. A tree of directories, each with what may be done with it and with its files, becomes the fewest subtrees: a
 * subtree speaks for everything below it that no other subtree speaks for. A directory without files of its own takes
 * whatever saves most rows (Hartigan, Systematic Zoology 22, 1973: minimum changes on a tree of any degree).
 */

/** May be read and written: `rw`, `r-`, `-w`, `--`. For a directory, to be listed and to be changed. */
export type Permission = (typeof PERMISSIONS)[number];
export const PERMISSIONS = ["--", "-w", "r-", "rw"] as const;

export type Count = { paths: number; programs: number };

/** `files` what the files of the subtree may be for its row to be right, the best ones only. */
export type Tree = {
  name: string;
  directory: Permission;
  files: readonly Permission[];
  count: Count;
  /** Those that need a row of their own in some reading; all others are in `count`. */
  below: Tree[];
  /** Single files that differ from the others of the directory. */
  exceptions: { name: string; permission: Permission; isProgram: boolean }[];
  /** Why nothing, or not everything, below was asked for; empty when all was. */
  unasked: string;
};

export type Subtree =
  | { kind: "subtree"; path: string; directory: Permission; files: Permission; count: Count }
  | { kind: "file"; path: string; permission: Permission; isProgram: boolean }
  | { kind: "unasked"; path: string; why: string };

/** A directory and what was found below it. `files` the permission most of its own files have, if it has any. */
export function plant(tree: Omit<Tree, "files">, files: Permission | undefined): Tree {
  const best = files === undefined ? bestFor(tree.directory, tree.below) : [files];
  const count = { ...tree.count };
  const below: Tree[] = [];
  for (const child of tree.below) {
    if (isSilent(child, tree.directory, best)) {
      count.paths += child.count.paths;
      count.programs += child.count.programs;
    } else below.push(child);
  }
  return { ...tree, count, below, files: best };
}

/** Whatever its parent is read as, this one follows. */
function isSilent(child: Tree, directory: Permission, files: readonly Permission[]): boolean {
  if (child.directory !== directory || child.below.length > 0) return false;
  if (child.exceptions.length > 0 || child.unasked !== "") return false;
  return files.every((permission) => child.files.includes(permission));
}

function bestFor(directory: Permission, below: readonly Tree[]): Permission[] {
  const costs = PERMISSIONS.map(
    (files) => below.filter((child) => child.directory !== directory || !child.files.includes(files)).length,
  );
  const least = Math.min(...costs);
  return PERMISSIONS.filter((_, at) => costs[at] === least);
}

/** In no order that means anything. `root` is the path of the tree's root; its `name` is not used. */
export function collapse(tree: Tree, root: string): Subtree[] {
  const found: Subtree[] = [];
  spread({ tree, path: root, region: undefined, found });
  return found;
}

type Region = Extract<Subtree, { kind: "subtree" }>;

function spread(at: { tree: Tree; path: string; region: Region | undefined; found: Subtree[] }): void {
  const { tree, path, found } = at;
  let { region } = at;
  const isSame = region?.directory === tree.directory && tree.files.includes(region.files);
  if (region === undefined || !isSame) {
    const files = tree.files.at(-1) ?? tree.directory;
    region = { kind: "subtree", path, directory: tree.directory, files, count: { paths: 0, programs: 0 } };
    found.push(region);
  }
  region.count.paths += tree.count.paths;
  region.count.programs += tree.count.programs;
  const inside = path === "/" ? "" : path;
  if (tree.unasked !== "") found.push({ kind: "unasked", path: `${inside}/*`, why: tree.unasked });
  for (const { name, permission, isProgram } of tree.exceptions) {
    found.push({ kind: "file", path: `${inside}/${name}`, permission, isProgram });
  }
  for (const child of tree.below) spread({ tree: child, path: `${inside}/${child.name}`, region, found });
}
