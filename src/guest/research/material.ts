/** A page of a source as the gateway frames it (`egress/source/frame.ts`), taken apart again. Null when it is no such page. */
export type Page = {
  sha256: string;
  /** How old it is and where it comes from, in the gateway's words. */
  origin: string;
  age: string;
  documents: Material[];
  /** Of the documents that the parameters ask for; the first one here is `offset`. */
  total: number;
  offset: number;
};

/** One document, every line still behind its bar, under the page's mark and note: as a reader is shown it, and nobody else. */
export type Material = { id: string; text: string };

export function pageOf(framed: string): Page | null {
  const lines = framed.split("\n");
  const first = lines.findIndex((line) => line.startsWith("|"));
  const head = first < 0 ? lines : lines.slice(0, first);
  const said = (name: string) => head.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? "";
  const origin = said("origin");
  const sha256 = /text sha256 ([0-9a-f]{64})$/.exec(origin)?.[1];
  const count = /^(\d+) of (\d+), from (\d+)/.exec(said("documents"));
  const [end] = lines.filter((line) => line.startsWith("end of source"));
  if (sha256 === undefined || count === null || end === undefined) return null;
  const documents = groups(lines).map((group) => ({
    id: /^\| \[(.*?)\] /.exec(`${group[0]} `)?.[1] ?? "",
    text: [...head.filter((line) => /^(?:mark|note): /.test(line)), ...group, end].join("\n"),
  }));
  return { sha256, origin, age: said("age"), documents, total: Number(count[2]), offset: Number(count[3]) };
}

/** Lines of material that follow on one another; a line without a bar stands between two documents. */
function groups(lines: readonly string[]): string[][] {
  const found: string[][] = [];
  let isOpen = false;
  for (const line of lines) {
    const isMaterial = line.startsWith("| ");
    if (isMaterial && isOpen) found.at(-1)?.push(line);
    else if (isMaterial) found.push([line]);
    isOpen = isMaterial;
  }
  return found;
}
