import type { IncomingHttpHeaders } from "node:http";
import type { Fake, Recogniser, Sighting } from "../../canaries/canaries.ts";

/**
 * The canary watch: everything that a request carries up is searched for the cycle's fakes before anything is done with it,
 * whatever will be decided about it. Each part is searched whole; then its values joined, because a fake may be cut over
 * several of them; then each value joined to what stood in its place in the sandbox's requests before. A body that cannot be
 * read to its end is refused: not searched is not clean.
 *
 * What it misses: a fake that is encrypted, compressed in a way that nobody named, or written in pieces with something
 * between them that is no request of its own; see `window.ts` for what it remembers.
 */
export type Watch = {
  /** From here on, what goes up is searched for these. */
  fakes(fakes: readonly Fake[], masterKey?: Uint8Array): void;
  /** Never rejects. Hits of one request are each of another fake. A long body is searched beside everything else and may take seconds. */
  look(sandbox: string, headers: IncomingHttpHeaders, body: Uint8Array): Promise<Looked>;
  /** What a sandbox sent before is forgotten with it. */
  forget(sandbox: string): void;
  /** For what is no request; null before there are fakes. */
  recogniser(): Recogniser | null;
};

export type Looked =
  | { status: "searched"; hits: Hit[] }
  /** Also then there may be hits in what could be read. `why` is for the log. */
  | { status: "unsearchable"; why: string; hits: Hit[] };

/** A fake seen on its way up, and where: in one part of the request, over several parts of it, or over several requests. */
export type Hit = { where: "headers" | "path" | "body" | "parts" | "requests"; sighting: Sighting };

/** More fakes in one request than this tell nobody more. */
export const HITS_MAX = 20;
