import type { IncomingHttpHeaders } from "node:http";
import type { Fake, Sighting } from "../../canaries/canaries.ts";
import type { FoundToken } from "../../canaries/tokenFinder.ts";

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
  /**
   * Never rejects. Hits of one request are each of another fake. A long body is searched beside everything else and may take seconds.
   * @param tokensAtMs of the clock on the wall: then path, query and body are searched for credentials of others, too.
   */
  look(sandbox: string, headers: IncomingHttpHeaders, body: Uint8Array, tokensAtMs?: number): Promise<Looked>;
  /** For one tunnel of a sandbox, from its first byte on. */
  tunnel(sandbox: string): TunnelWatch;
  /** What a sandbox sent before is forgotten with it. */
  forget(sandbox: string): void;
};

/**
 * What is seen of a tunnel that nobody looks into: its greeting, which is never encrypted, and whatever else goes up in the clear, in
 * all encodings and joined over chunks and over records of TLS. What comes down is not searched: fakes are inside, and a host
 * that sends one back has had it from a request that was searched.
 */
export type TunnelWatch = {
  /** Never rejects. */
  greeting(bytes: Buffer): Promise<Looked>;
  /** Of each chunk, before it goes up. */
  up(chunk: Buffer): Looked;
};

export type Looked = {
  hits: Hit[];
  /** Credentials that are told by their form; null when they were not asked for. */
  tokens: PlacedToken[] | null;
} & (
  | { status: "searched" }
  /** Also then there may be hits in what could be read. `why` is for the log. */
  | { status: "unsearchable"; why: string }
);

export type PlacedToken = FoundToken & { place: "path" | "query" | "body" };

/** A fake seen on its way up, and where: in one part of the request, over several parts of it, or over several requests. */
export type Hit = { where: "headers" | "path" | "body" | "parts" | "requests"; sighting: Sighting };

/** More fakes in one request than this tell nobody more. */
export const HITS_MAX = 20;
