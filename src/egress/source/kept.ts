import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { errnoOf } from "../../base/errors.ts";
import { unlinkIfThere, writeDurably } from "../../base/files.ts";
import { canonicalJson, sha256Hex } from "../../base/hash.ts";
import { SourceDocument, type SourceRequest } from "../../sources/source.ts";
import { jsonOf } from "../body.ts";
import { Removed } from "./invisible.ts";

/**
 * What was read, kept between cycles: the documents by the hash of their text, and beside them where they came from.
 * A copy whose bytes are no longer those of its hash is `none`, as one that is not there: it is fetched anew.
 */
export const Provenance = z.strictObject({
  source: z.string().max(60),
  /** The parameters as they were given. */
  params: z.unknown(),
  /** After redirects. */
  url: z.string().max(4_096),
  /** ISO 8601 */
  fetchedAt: z.iso.datetime(),
  /** When the source last said that it is unchanged. */
  checkedAt: z.iso.datetime(),
  etag: z.string().nullable(),
  lastModified: z.string().nullable(),
  mediaType: z.string(),
  /** Of the file as it was scanned. */
  rawSha256: z.string().length(64),
  rawBytes: z.int(),
  textSha256: z.string().length(64),
  /** What was taken out before anyone read it. */
  removed: Removed,
  /** Nothing else is ever kept. */
  scan: z.literal("clean"),
});
export type Provenance = z.infer<typeof Provenance>;

export type Kept = { status: "kept"; provenance: Provenance; documents: SourceDocument[] } | { status: "none" };

export type KeptStore = {
  find(request: SourceRequest): Kept;
  /** Throws the system error when the disk does not take it. */
  keep(
    request: SourceRequest,
    provenance: Omit<Provenance, "textSha256">,
    documents: readonly SourceDocument[],
  ): Provenance;
  /** The source said that the copy still holds. */
  confirm(request: SourceRequest, provenance: Provenance): Provenance;
  /** Keeps a text by its hash alone, as that of an excerpt, until another process opens the store. Throws as `keep` does. */
  hold(documents: readonly SourceDocument[]): string;
  all(): Provenance[];
};

/** The oldest goes when one more comes. */
const KEPT_MAX = 300;

/** What this store handed out stays for as long as it does, because it may be cited. @param directory made with mode 0700 when it is not there. */
export function keptStore(directory: string): KeptStore {
  const texts = join(directory, "text");
  const entries = join(directory, "kept");
  for (const one of [texts, entries]) mkdirSync(one, { recursive: true, mode: 0o700 });
  const pathOf = (request: SourceRequest) => join(entries, `${keyOf(request)}.json`);
  const cited = new Set<string>();
  const write = (request: SourceRequest, provenance: Provenance) => {
    writeDurably(pathOf(request), canonicalJson(provenance));
    return provenance;
  };
  const hold = (documents: readonly SourceDocument[]) => {
    const text = canonicalJson(documents);
    const textSha256 = sha256Hex(text);
    writeDurably(join(texts, `${textSha256}.json`), text);
    cited.add(textSha256);
    return textSha256;
  };
  const all = () =>
    readdirSync(entries).flatMap((name) => {
      const provenance = name.endsWith(".json") ? provenanceOf(join(entries, name)) : undefined;
      return provenance === undefined ? [] : [{ name, provenance }];
    });
  return {
    find(request) {
      const provenance = provenanceOf(pathOf(request));
      if (provenance === undefined) return { status: "none" };
      const documents = textOf(directory, provenance.textSha256);
      if (documents === undefined) return { status: "none" };
      cited.add(provenance.textSha256);
      return { status: "kept", provenance, documents };
    },
    keep(request, head, documents) {
      const textSha256 = hold(documents);
      const provenance = write(request, { ...head, textSha256 });
      prune(texts, entries, all(), cited);
      return provenance;
    },
    confirm: write,
    hold,
    all: () => all().map(({ provenance }) => provenance),
  };
}

/** The documents of this hash; undefined when they are not there, or their bytes are not those of the hash any more. */
export function textOf(directory: string, textSha256: string): SourceDocument[] | undefined {
  const text = readIfThere(join(directory, "text", `${textSha256}.json`));
  if (text === undefined || sha256Hex(text) !== textSha256) return undefined;
  return z.array(SourceDocument).safeParse(jsonOf(text)).data;
}

function keyOf({ method, url, body }: SourceRequest): string {
  return sha256Hex(`${method} ${url}\n${body ?? ""}`);
}

function prune(
  texts: string,
  entries: string,
  all: { name: string; provenance: Provenance }[],
  cited: ReadonlySet<string>,
): void {
  const byAge = all.toSorted((a, b) => b.provenance.fetchedAt.localeCompare(a.provenance.fetchedAt));
  for (const { name } of byAge.slice(KEPT_MAX)) unlinkIfThere(join(entries, name));
  const used = new Set([...cited, ...byAge.slice(0, KEPT_MAX).map(({ provenance }) => provenance.textSha256)]);
  for (const name of readdirSync(texts))
    if (name.endsWith(".json") && !used.has(name.slice(0, -".json".length))) unlinkIfThere(join(texts, name));
}

/** Undefined when it is not there, or not of our shape. */
export function provenanceOf(path: string): Provenance | undefined {
  const bytes = readIfThere(path);
  return bytes === undefined ? undefined : Provenance.safeParse(jsonOf(bytes)).data;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (thrown) {
    if (errnoOf(thrown) !== "ENOENT") throw thrown;
    return undefined;
  }
}
