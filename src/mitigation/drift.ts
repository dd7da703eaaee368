import { readFile, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FileChange, StackFiles } from "./mitigation.ts";

/**
 * Ways in which the real file may differ from the clone's when the script is run at last. Each is made by hand on a
 * clone and taken back by the function that making it gives.
 */
export type Drift = {
  what: string;
  /** What apply must answer: 3 where it must refuse, 0 where it must work and leave the drift alone. */
  expectedCode: 0 | 3;
  make(): Promise<() => Promise<void>>;
};

export function driftCases(change: FileChange, clone: StackFiles): Drift[] {
  const file = join(clone[change.root], change.path);
  const [hunk] = change.hunks;
  return [
    {
      what: "a file with more text after the change",
      expectedCode: 0,
      make: () => altered(file, (text) => `${text}\n\n`),
    },
    {
      what: "a file whose text to change is another by now",
      expectedCode: 3,
      make: () =>
        altered(file, (text) => replaced(text, hunk.before, `${hunk.before.slice(0, -1)}~${hunk.before.slice(-1)}`)),
    },
    {
      what: "a file with the text to change in it twice",
      expectedCode: 3,
      make: () => altered(file, (text) => `${text}\n${hunk.before}`),
    },
    { what: "a file that is a link by now", expectedCode: 3, make: () => linked(file) },
  ];
}

async function altered(file: string, edit: (text: string) => string): Promise<() => Promise<void>> {
  const original = await readFile(file);
  await writeFile(file, edit(original.toString("utf8")));
  return () => writeFile(file, original);
}

async function linked(file: string): Promise<() => Promise<void>> {
  const aside = `${file}.weakdoor-aside`;
  await rename(file, aside);
  await symlink(aside, file);
  return async () => {
    await unlink(file);
    await rename(aside, file);
  };
}

/** `String.replace` would read `$&` and the like in the new text. */
function replaced(text: string, part: string, by: string): string {
  const at = text.indexOf(part);
  return at < 0 ? text : text.slice(0, at) + by + text.slice(at + part.length);
}
