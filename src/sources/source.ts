import { z } from "zod";

/**
 * A curated source: a public place that says something about weaknesses, and how it is asked and read. One folder each,
 * one line in `all.ts`. Someone inside a sandbox names a source by its id and fills in its parameters; the URL is made
 * here, and no text from inside gets into it but through the parameters' own patterns.
 *
 * A source does no work of its own: the gateway fetches and scans (`egress/source/`), and a process that holds nothing
 * cleans and calls `read`. To add one: a folder with `source.ts` and `snapshot.ts`, a line in `all.ts`, and rules in
 * `allowlists/sources.yaml` that let through exactly the URLs it asks for. `test/sources/all.test.ts` then holds it to them.
 */
export type Source = {
  /** Kebab case, as the folder is called. */
  readonly id: string;
  readonly title: string;
  readonly publisher: string;
  readonly kind: "api" | "feed" | "dataset" | "page";
  readonly terms: Terms;
  /** Rules of `allowlists/sources.yaml` that it may be fetched through, redirects as well. */
  readonly rules: readonly string[];
  readonly params: z.ZodType;
  readonly limits: Limits;
  /** Between the beginnings of two requests to the same host. */
  readonly intervalMs: number;
  readonly freshness: Freshness;
  /** A hand-written excerpt for a cycle without network. */
  readonly snapshot: Snapshot;
  /** Checks parameters and makes the request out of them. */
  ask(params: unknown): Asked;
  /** What is in an answer. Throws a ZodError when it has another form than the source's. */
  read(content: Content): SourceDocument[];
  /** The documents that the parameters ask for, of a source that is fetched whole. Parameters as `ask` took them. */
  pick(documents: readonly SourceDocument[], params: unknown): SourceDocument[];
};

export type Terms = {
  /** SPDX where there is an id. */
  licence: string;
  url: string;
  /** Shown with every answer, when the publisher asks for it. */
  attribution: string | null;
};

export type Limits = {
  /** As it comes over the wire. */
  wireBytesMax: number;
  /** Unpacked, everything together. */
  bytesMax: number;
  /** From the first byte out to the last byte in. */
  timeMs: number;
};

export type Freshness = {
  /** A copy younger than this is not asked for again. */
  reuseHours: number;
  /** What is older is called stale wherever it is shown. */
  staleDays: number;
};

export type Snapshot = {
  /** The day it was written, UTC. */
  writtenOn: string;
  mediaType: string;
  /** In the source's real format. */
  body: string;
};

export type SourceRequest = {
  method: "GET" | "POST";
  url: string;
  /** JSON; null for GET. */
  body: string | null;
  /** Media types that the answer may have, without parameters. */
  accept: readonly string[];
};

export type Asked =
  | { status: "ok"; request: SourceRequest }
  | { status: "refused" /** The parameter that does not fit; empty when it is all of them. */; place: string };

/** What an answer says, its strings cleaned: JSON or YAML as values, XML as a tree, a web page as text. */
export type Content =
  | { kind: "data"; value: unknown }
  | { kind: "xml"; root: XmlElement }
  | { kind: "page"; title: string; text: string };

export type XmlElement = {
  /** With its prefix, as written. */
  name: string;
  attributes: Readonly<Record<string, string>>;
  /** Of itself and of everything in it, white space collapsed. */
  text: string;
  children: readonly XmlElement[];
};

export const SourceDocument = z.strictObject({
  /** The publisher's own id where there is one. */
  id: z.string().max(120),
  title: z.string().max(300),
  /** As the source writes it. */
  published: z.string().max(40).nullable(),
  url: z.string().max(500).nullable(),
  text: z.string().max(60_000),
});
export type SourceDocument = z.infer<typeof SourceDocument>;

type Definition<P> = Omit<Source, "params" | "ask" | "pick"> & {
  params: z.ZodType<P>;
  request: (params: P) => SourceRequest;
  pick?: (documents: readonly SourceDocument[], params: P) => SourceDocument[];
};

/** A source as its folder writes it, with parameters of a type of its own, as one that stands in a list with others. */
export function defineSource<P>(definition: Definition<P>): Source {
  const { request, pick, ...rest } = definition;
  return {
    ...rest,
    ask(params) {
      const parsed = definition.params.safeParse(params);
      if (!parsed.success) return { status: "refused", place: parsed.error.issues[0]?.path.join(".") ?? "" };
      return { status: "ok", request: request(parsed.data) };
    },
    pick: (documents, params) =>
      pick === undefined ? [...documents] : pick(documents, definition.params.parse(params)),
  };
}

/** A GET for JSON, the usual request. Parameters that are undefined are left out. */
export function getJson(
  url: string,
  query: Readonly<Record<string, string | number | undefined>> = {},
): SourceRequest {
  return { method: "GET", url: withQuery(url, query), body: null, accept: ["application/json"] };
}

export function withQuery(url: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? url : `${url}?${pairs.join("&")}`;
}

/** A document that keeps its limits, of fields that may be longer or missing. */
export function documentOf(fields: {
  id: string;
  title: string;
  published?: string | null | undefined;
  url?: string | null | undefined;
  text: readonly (string | null | undefined)[];
}): SourceDocument {
  const lines = fields.text.filter((line): line is string => typeof line === "string" && line !== "");
  return {
    id: fields.id.slice(0, 120),
    title: fields.title.slice(0, 300),
    published: fields.published?.slice(0, 40) ?? null,
    url: fields.url?.slice(0, 500) ?? null,
    text: lines.join("\n").slice(0, 60_000),
  };
}

/** Values of JSON or YAML; throws when the content is something else, which is what the source then is not. */
export function dataOf(content: Content): unknown {
  if (content.kind !== "data") throw new TypeError(`values were expected, and a ${content.kind} came`);
  return content.value;
}

/** A page with something to read; one that shows nothing without its scripts is not what the source was. */
export function pageOf(content: Content): Extract<Content, { kind: "page" }> {
  if (content.kind !== "page") throw new TypeError(`a page was expected, and ${content.kind} came`);
  if (content.text === "") throw new TypeError("the page shows nothing without its scripts");
  return content;
}
