import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A home and a workspace in a directory of their own, gone at the end of the block (`await using`). */
export type Tree = { directory: string; home: string; workspace: string; [Symbol.asyncDispose](): Promise<void> };

/** Keys are `home/…` or `workspace/…`; what is no text is written as JSON. */
export function tree(files: Record<string, unknown> = {}): Tree {
  const directory = mkdtempSync(join(tmpdir(), "wd-tree-"));
  for (const root of ["home", "workspace"]) mkdirSync(join(directory, root));
  for (const [file, content] of Object.entries(files)) put(directory, file, content);
  return {
    directory,
    home: join(directory, "home"),
    workspace: join(directory, "workspace"),
    [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true, force: true }),
  };
}

export function put(directory: string, file: string, content: unknown): void {
  const path = join(directory, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content, null, 2));
}
