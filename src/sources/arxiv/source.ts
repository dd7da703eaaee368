import { z } from "zod";
import { MIB, Words } from "../patterns.ts";
import { defineSource, documentOf, withQuery, type XmlElement } from "../source.ts";
import { SNAPSHOT } from "./snapshot.ts";

/**
 * arXiv's API (https://info.arxiv.org/help/api/user-manual.html): Atom, one request in three seconds over one connection.
 * Only metadata and abstracts: the papers themselves may not be passed on.
 */
export const ARXIV = defineSource({
  id: "arxiv",
  title: "arXiv",
  publisher: "Cornell University",
  kind: "api",
  terms: {
    licence: "CC0-1.0 for metadata",
    url: "https://info.arxiv.org/help/api/tou.html",
    attribution: "Thank you to arXiv for use of its open access interoperability.",
  },
  rules: ["arxiv"],
  params: z.union([
    z.strictObject({ words: Words }),
    z.strictObject({ paper: z.string().regex(/^\d{4}\.\d{4,5}(v\d{1,2})?$/, "a paper as in 2603.02277") }),
  ]),
  request: (params) => ({
    method: "GET",
    url: withQuery(
      "https://export.arxiv.org/api/query",
      "paper" in params
        ? { id_list: params.paper, max_results: 1 }
        : {
            search_query: params.words
              .split(" ")
              .map((word) => `all:${word}`)
              .join(" AND "),
            sortBy: "submittedDate",
            sortOrder: "descending",
            max_results: 25,
          },
    ),
    body: null,
    accept: ["application/atom+xml", "text/xml"],
  }),
  limits: { wireBytesMax: 2 * MIB, bytesMax: 4 * MIB, timeMs: 45_000 },
  intervalMs: 3_000,
  freshness: { reuseHours: 24, staleDays: 30 },
  snapshot: SNAPSHOT,
  read(content) {
    if (content.kind !== "xml" || content.root.name !== "feed") throw new TypeError("an Atom feed was expected");
    return content.root.children
      .filter(({ name }) => name === "entry")
      .map((entry) => {
        const id = textOf(entry, "id");
        return documentOf({
          id: id.replace(/^https?:\/\/arxiv\.org\/abs\//, ""),
          title: textOf(entry, "title"),
          published: textOf(entry, "published"),
          url: id,
          text: [`updated: ${textOf(entry, "updated")}`, textOf(entry, "summary")],
        });
      });
  },
});

function textOf(entry: XmlElement, name: string): string {
  return entry.children.find((child) => child.name === name)?.text ?? "";
}
